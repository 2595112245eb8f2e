import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Reassembly")
struct ReassemblyTests {
  @Test(
    "RFC 791, RFC 8200 §4.5: a datagram in fragments arrives whole, in whatever order", arguments: [4, 6])
  func whole(version: Int) throws {
    let r = try Receiver(version)
    let text = pattern(20_000)
    let parts = cut(r.datagram(text), 1_400)
    var odd: [Packet] = []
    for i in stride(from: 1, to: parts.count, by: 2) { odd.append(parts[i]) }
    for i in stride(from: 0, to: parts.count, by: 2) { odd.append(parts[i]) }
    for order in [parts, parts.reversed(), odd] {
      r.inject(Array(order.dropLast()))
      #expect(r.host.stack.held.unfinishedDatagrams == 1)
      #expect(r.text() == nil)
      r.inject([order[order.count - 1]])
      #expect(r.text() == text)
      #expect(r.host.stack.held.unfinishedDatagrams == 0 && r.host.stack.held.chunks == 0)
    }
    #expect(r.host.stack.counters.ipReasmReqds == UInt64(3 * parts.count))
    #expect(r.host.stack.counters.ipReasmOKs == 3)
    #expect(r.host.stack.counters.drops == 0)
  }

  @Test("The largest datagram that there can be is put together", arguments: [4, 6])
  func largest(version: Int) throws {
    let r = try Receiver(version)
    let text = pattern(version == 4 ? 65_507 : 65_527)
    r.inject(cut(r.datagram(text), 1_480))
    #expect(r.text() == text)
  }

  @Test("Datagrams that differ in one thing that names them are never mixed", arguments: [4, 6])
  func apart(version: Int) throws {
    let r = try Receiver(version)
    let text = pattern(100)
    let other = version == 4 ? v4(10, 0, 0, 8) : v6(8)
    let (mine, theirs) = (r.datagram(text), r.datagram(text, from: other))
    r.inject([fragment(of: mine, 0, 56), fragment(of: mine, 56, 108, id: 78)])
    r.inject([fragment(of: theirs, 56, 108)])
    #expect(r.text() == nil && r.host.stack.held.unfinishedDatagrams == 3)
    if version == 4 {
      // RFC 791 §2.3: nor of two protocols.
      var otherProtocol = mine
      otherProtocol[9] = 1
      r.inject([fragment(of: otherProtocol, 56, 108)])
      #expect(r.host.stack.held.unfinishedDatagrams == 4)
    } else {
      // RFC 8200 §4.5: what the others call the next header does not matter.
      var otherName = mine
      otherName[6] = 59
      r.inject([fragment(of: otherName, 56, 108)])
      #expect(r.text() == text)
    }
  }

  @Test("A segment in fragments goes the way of any segment", arguments: [4, 6])
  func segment(version: Int) throws {
    let host = try Host(2)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    let peer = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000)
    let syn = tcp(
      from: peer, to: version == 4 ? host.endpoint(80) : host.endpoint6(80), seq: 7, .syn, text: pattern(20))
    let parts = cut(syn, 24)
    #expect(parts.count == 2)
    #expect(try host.answers(to: parts[0]).isEmpty)
    let answers = try host.answers(to: parts[1])
    #expect(answers.map(\.flags) == [[.syn, .ack]] && answers[0].ack == 8)
  }

  @Test("The whole is verified, whatever a device says of its parts", arguments: [4, 6])
  func verified(version: Int) throws {
    let r = try Receiver(version)
    var datagram = r.datagram(pattern(100))
    datagram[datagram.count - 1] ^= 1
    for part in cut(datagram, 56) { r.host.inject(part, PacketMetadata(checksum: .verified)) }
    #expect(r.text() == nil && r.host.drops(.badUDPChecksum) == 1)
    // RFC 768: of IPv4 a datagram may have no checksum.
    store(0, in: &datagram, at: version == 4 ? 26 : 46)
    r.inject(cut(datagram, 56))
    #expect((r.text() != nil) == (version == 4))
  }

  @Test("An error about a datagram that came in fragments quotes it as a whole")
  func quoted() throws {
    let r = try Receiver(4)
    try r.host.stack.close(r.socket)
    let datagram = r.datagram(pattern(100))
    r.inject(cut(datagram, 56))
    let answers = r.host.pull()
    #expect(answers.count == 1)
    let quote = Packet(answers[0].packet.dropFirst(28))
    #expect(quote.count == datagram.count && quote.dropFirst(20) == datagram.dropFirst(20))
    #expect(IPv4HeaderView(validating: quote.span.bytes)?.isChecksumValid == true)
  }

  @Test("RFC 6946: a fragment that is a whole packet is taken alone, whatever else has its name")
  func atomic() throws {
    let r = try Receiver(6)
    let text = pattern(100)
    r.inject([fragment(of: r.datagram(text), 0, 56)])
    r.inject([fragment(of: r.datagram([1, 2]), 0, 10)])
    #expect(r.text() == [1, 2])
    r.inject([fragment(of: r.datagram(text), 56, 108)])
    #expect(r.text() == text)
    // One within another is nothing.
    let nested = fragment(of: fragment(of: r.datagram(text), 0, 108), 0, 116)
    #expect(try r.host.answers(to: nested).isEmpty)
    #expect(r.text() == nil && r.host.drops(.badExtensionHeader) == 1)
  }

  @Test("RFC 3168 §5.3: a mark on one fragment is a mark on the whole, and none may be where one says so")
  func marks() throws {
    func flags(_ codes: [UInt8]) throws -> TCPFlags? {
      let host = try Host(2)
      _ = try host.stack.listen(on: LocalEndpoint(port: 80))
      let peer = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
      func say(_ flags: TCPFlags, _ seq: UInt32, _ ack: UInt32, _ text: Packet) throws -> [Seen] {
        let packet = tcp(from: peer, to: host.endpoint(80), seq: seq, ack: ack, flags, text: text)
        guard !text.isEmpty else { return try host.answers(to: packet) }
        for (part, code) in zip(cut(packet, 24), codes) {
          var part = part
          part[1] = code
          store(0, in: &part, at: 10)
          store(plainChecksum(Packet(part.prefix(20))), in: &part, at: 10)
          host.inject(part)
        }
        host.advance(by: .milliseconds(300))
        return try host.pullSeen()
      }
      let synAck = try #require(try say([.syn, .ece, .cwr], 7, 0, []).first)
      _ = try say(.ack, 8, synAck.seq + 1, [])
      return try say([.ack, .psh], 8, synAck.seq + 1, pattern(20)).last?.flags
    }
    #expect(try flags([2, 2])?.contains(.ece) == false)
    #expect(try flags([2, 3])?.contains(.ece) == true)
    #expect(try flags([3, 2])?.contains(.ece) == true)
    #expect(try flags([0, 3]) == nil)
  }

  @Test("Without room for unfinished datagrams there are none")
  func off() throws {
    let r = try Receiver(4) { $0.reassemblyLimit = 0 }
    r.inject(cut(r.datagram(pattern(100)), 56))
    #expect(r.text() == nil && r.host.drops(.fragmentLimited) == 2)
    #expect(r.host.stack.memoryUse().reassembly == 0)
  }

  @Test("A snapshot has the fragments, and shares none")
  func snapshot() throws {
    let r = try Receiver(6)
    let parts = cut(r.datagram(pattern(5_000)), 1_000)
    r.inject(Array(parts.dropLast()))
    var copy = r.host.stack.copy()
    let last = parts[parts.count - 1]
    r.inject([last])
    #expect(r.text() == pattern(5_000))
    copy.receive(last.span.bytes, on: r.host.interface, now: r.host.now)
    let violated = copy.checkInvariants()
    let whole = copy.counters.ipReasmOKs
    #expect(violated == nil && whole == 1)
  }

  @Test("With the interface goes what came through it")
  func interfaceGone() throws {
    let r = try Receiver(4)
    r.inject([cut(r.datagram(pattern(100)), 56)[0]])
    try r.host.stack.removeInterface(r.host.interface)
    #expect(r.host.stack.held.unfinishedDatagrams == 0 && r.host.stack.held.chunks == 0)
  }
}
