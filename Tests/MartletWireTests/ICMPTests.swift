import MartletWire
import Testing

/// An IPv4 header for 10.0.0.1 > 10.0.0.2 with `proto`, then these octets of transport.
private func quote4(_ proto: UInt8, _ transport: [UInt8], fragment: UInt16 = 0) -> [UInt8] {
  hex("45000400 0000") + [UInt8(fragment >> 8), UInt8(fragment & 0xff), 64, proto]
    + hex("0000 0a000001 0a000002") + transport
}

private func quote6(_ next: UInt8, _ transport: [UInt8]) -> [UInt8] {
  hex("60000000 0400") + [next, 64]
    + hex("fd000000000000000000000000000001 fd000000000000000000000000000002") + transport
}

@Suite struct ICMPTests {
  @Test("every ICMPv4 message that is written is read back the same")
  func roundTrip4() {
    let messages: [ICMPv4Message] = [
      .echoRequest(identifier: 1, sequence: 0xffff), .echoReply(identifier: 0xfffe, sequence: 2),
      .destinationUnreachable(.port, nextHopMTU: 0),
      .destinationUnreachable(.fragmentationNeeded, nextHopMTU: 1400),
      .timeExceeded(code: 1), .parameterProblem(code: 0, pointer: 20),
      .redirect(code: 1, gateway: IPv4Address(10, 0, 0, 254)), .sourceQuench,
      .other(type: 13, code: 0, rest: 0x0102_0304),
    ]
    for message in messages {
      let octets = written(12) { message.write(into: &$0, at: 2) }
      #expect(octets[..<2] == [0xEE, 0xEE] && octets[10...] == [0xEE, 0xEE])
      #expect(ICMPv4Message(parsing: octets.span.bytes.extracting(2..<10)) == message)
      #expect(message.encodedCount == 8)
    }
    for count in 0..<8 {
      #expect(ICMPv4Message(parsing: [UInt8](repeating: 8, count: count).span.bytes) == nil)
    }
  }

  @Test("every ICMPv6 message that is written is read back the same")
  func roundTrip6() {
    let messages: [ICMPv6Message] = [
      .echoRequest(identifier: 1, sequence: 0xffff), .echoReply(identifier: 0xfffe, sequence: 2),
      .destinationUnreachable(.port), .packetTooBig(mtu: 1280), .timeExceeded(code: 0),
      .parameterProblem(code: 2, pointer: 44), .other(type: 135, code: 0, rest: 0),
    ]
    for message in messages {
      let octets = written(8) { message.write(into: &$0, at: 0) }
      #expect(ICMPv6Message(parsing: octets.span.bytes) == message)
    }
    for count in 0..<8 {
      #expect(ICMPv6Message(parsing: [UInt8](repeating: 2, count: count).span.bytes) == nil)
    }
  }

  @Test("errors are told from queries: an error is never answered")
  func errors() {
    for type in UInt8(0)...255 {
      let octets: [UInt8] = [type, 0, 0, 0, 0, 0, 0, 0]
      #expect(ICMPv4Message(parsing: octets.span.bytes)?.isError == [3, 4, 5, 11, 12].contains(type))
      #expect(ICMPv6Message(parsing: octets.span.bytes)?.isError == (type < 128))
    }
  }

  @Test("the code of packet too big does not matter (RFC 4443 §3.2)")
  func packetTooBigCode() {
    #expect(ICMPv6Message(parsing: hex("0207 0000 00000500").span.bytes) == .packetTooBig(mtu: 1280))
  }

  @Test("O5 the quoted TCP segment of an ICMPv4 error: addresses, ports, sequence number")
  func quoted4() throws {
    let octets = hex("0304 0000 00000578") + quote4(6, hex("04d2 0050 deadbeef"))
    #expect(
      ICMPv4Message(parsing: octets.span.bytes)
        == .destinationUnreachable(.fragmentationNeeded, nextHopMTU: 1400))
    let quote = ICMPv4MessageView(validating: octets.span.bytes)?.quoted
    let quoted = try #require(quote)
    #expect(
      quoted.source == .v4(IPv4Address(10, 0, 0, 1)) && quoted.destination == .v4(IPv4Address(10, 0, 0, 2)))
    #expect(quoted.proto == .tcp && quoted.sourcePort == 1234 && quoted.destinationPort == 80)
    #expect(quoted.seq == SequenceNumber(0xdead_beef) && quoted.hasTransport && quoted.transportAt == 20)
  }

  @Test("a quote cut anywhere gives less, never more, and never traps")
  func truncatedQuotes() {
    let whole4 = quote4(6, hex("04d2 0050 deadbeef"))
    for count in 0..<whole4.count {
      let quoted = QuotedPacket(parsingIPv4: whole4.span.bytes.extracting(0..<count))
      #expect((quoted != nil) == (count >= 20))
      #expect(quoted?.hasTransport != true && quoted?.seq == nil)
    }
    let whole6 = quote6(60, [6, 0, 1, 4, 0, 0, 0, 0] + hex("04d2 0050 deadbeef"))
    for count in 0..<whole6.count {
      let quoted = QuotedPacket(parsingIPv6: whole6.span.bytes.extracting(0..<count))
      #expect((quoted != nil) == (count >= 48))
      #expect(quoted?.hasTransport != true)
    }
    #expect(QuotedPacket(parsingIPv6: whole6.span.bytes)?.seq == SequenceNumber(0xdead_beef))
  }

  @Test("a quoted fragment that is not the first has no ports; UDP has no sequence number")
  func quotedFragments() {
    let first = QuotedPacket(parsingIPv4: quote4(17, hex("0035 0036 0010 0000"), fragment: 0x2000).span.bytes)
    #expect(first?.sourcePort == 53 && first?.destinationPort == 54 && first?.seq == nil)
    let second = QuotedPacket(parsingIPv4: quote4(6, hex("0035 0036 0010 0000"), fragment: 0x0010).span.bytes)
    #expect(second?.hasTransport == false && second?.sourcePort == 0)
    let first6 = QuotedPacket(
      parsingIPv6: quote6(44, hex("0600 0001 00000007 04d2 0050 00000005")).span.bytes)
    #expect(first6?.seq == SequenceNumber(5) && first6?.transportAt == 48)
    let second6 = QuotedPacket(
      parsingIPv6: quote6(44, hex("0600 0009 00000007 04d2 0050 00000005")).span.bytes)
    #expect(second6?.proto == .tcp && second6?.hasTransport == false && second6?.seq == nil)
  }

  @Test("queries quote nothing")
  func queriesQuoteNothing() {
    let octets = hex("0800 0000 00010001") + quote4(6, hex("04d2 0050 deadbeef"))
    let isNil = ICMPv4MessageView(validating: octets.span.bytes)?.quoted == nil
    #expect(isNil)
  }

  @Test("checksums: without a pseudo-header for ICMPv4, with one for ICMPv6")
  func checksums() throws {
    let source = IPv6Address(high: 0xfd00_0000_0000_0000, low: 1)
    let destination = IPv6Address(high: 0xfd00_0000_0000_0000, low: 2)
    var octets = hex("0800 0000 00010002 61626364 65")
    var sum = InternetChecksum()
    sum.add(octets.span.bytes)
    octets.store(sum.field, at: 2)
    let isValid4 = ICMPv4MessageView(validating: octets.span.bytes)?.isChecksumValid
    octets.store(0, at: 2)
    sum = .pseudoHeader(source: source, destination: destination, proto: .icmpv6, length: octets.count)
    sum.add(octets.span.bytes)
    octets.store(sum.field, at: 2)
    let isValid6 = ICMPv6MessageView(validating: octets.span.bytes)?
      .isChecksumValid(source: source, destination: destination)
    let isValidAs4 = ICMPv4MessageView(validating: octets.span.bytes)?.isChecksumValid
    #expect(isValid4 == true && isValid6 == true && isValidAs4 == false)
  }
}

extension [UInt8] {
  fileprivate mutating func store(_ field: UInt16, at offset: Int) {
    self[offset] = UInt8(field >> 8)
    self[offset + 1] = UInt8(field & 0xff)
  }
}
