import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// Packets as a capture has them: cut short, unfinished, in pieces, wrong.
@Suite("A segment of a capture")
struct CapturedSegmentTests {
  /// 100 octets of text behind 32 of header: MSS, window scale, SACK permitted and padding.
  private var packet: [UInt8] {
    let header = TCPHeader(
      sourcePort: 40_112, destinationPort: 80, seq: SequenceNumber(1), ack: SequenceNumber(2),
      flags: [.syn, .ack],
      window: UnscaledWindow(502), options: Exchange.handshake)
    return Exchange.packet(header, from: Exchange.client, to: Exchange.server, text: 100)
  }

  private var headerCount: Int { packet.count - 100 }

  /// The same segment over IPv6, with extension headers between: their numbers, eight octets each.
  private func version6(_ extensions: [UInt8] = []) -> [UInt8] {
    let tcp = Array(packet[20...])
    let count = UInt16(tcp.count + 8 * extensions.count)
    var octets: [UInt8] = [0x60, 0, 0, 0, UInt8(count >> 8), UInt8(count & 255), extensions.first ?? 6, 64]
    octets += [UInt8](repeating: 0xfd, count: 32)
    for index in extensions.indices {
      octets += [index + 1 < extensions.count ? extensions[index + 1] : 6, 0, 1, 4, 0, 0, 0, 0]
    }
    return octets + tcp
  }

  private func read(_ octets: [UInt8], originalCount: Int? = nil) throws(TraceError) -> TracedSegment {
    try TracedSegment(captured: octets.span.bytes, originalCount: originalCount ?? octets.count)
  }

  private func failure(_ octets: [UInt8]) -> TraceError? {
    do throws(TraceError) {
      _ = try read(octets)
      return nil
    } catch {
      return error
    }
  }

  @Test(
    "A snap length takes text away and nothing else; behind 20 octets of TCP's header it takes the options, too"
  )
  func snapLength() throws {
    for (family, whole, start) in [(4, packet, 20), (6, version6(), 40)] {
      let expected = try read(whole)
      #expect(expected.textCount == 100 && expected.header.options.present.contains(.windowScale))
      for kept in 0..<whole.count {
        let cut = Array(whole.prefix(kept))
        guard kept >= start + 20 else {
          #expect(throws: TraceError.self, "IPv\(family), \(kept)") {
            _ = try read(cut, originalCount: whole.count)
          }
          continue
        }
        let segment = try read(cut, originalCount: whole.count)
        #expect(segment.lacksOptions == (kept < start + headerCount - 20), "IPv\(family), \(kept)")
        if !segment.lacksOptions { #expect(segment == expected) }
        #expect(segment.source == expected.source && segment.destination == expected.destination)
        #expect(segment.seq == expected.seq && segment.ack == expected.ack && segment.flags == expected.flags)
        #expect(segment.textCount == 100 && segment.header.window == expected.header.window)
      }
    }
  }

  @Test("Padding of a short frame is no text")
  func padding() throws {
    let padded = packet + [UInt8](repeating: 0, count: 6)
    #expect(try read(padded).textCount == 100)
    #expect(try read(version6() + [0, 0]).textCount == 100)
  }

  @Test("What a device is still to cut has no length yet: then the packet's own counts")
  func noLength() throws {
    var unfinished = packet
    (unfinished[2], unfinished[3]) = (0, 0)
    #expect(try read(unfinished).textCount == 100)
    #expect(try read(unfinished, originalCount: unfinished.count + 60_000).textCount == 60_100)
    var version6 = version6()
    (version6[4], version6[5]) = (0, 0)
    #expect(try read(version6, originalCount: version6.count + 60_000).textCount == 60_100)
  }

  @Test("Behind options and extension headers stands the same segment")
  func extensionHeaders() throws {
    #expect(try read(version6([0, 43, 60])).textCount == 100)
    #expect(try read(version6([0, 60, 0, 60, 0, 60, 0, 60])).seq == SequenceNumber(1))
    #expect(
      failure(version6([0, 60, 0, 60, 0, 60, 0, 60, 0])) == .malformed(.truncated), "more than anybody sends")
  }

  @Test("Fragments, the first among them, and other protocols are told from what is malformed")
  func others() {
    for field in [[UInt8(0x20), 0], [0, 1], [0x3f, 0xff]] {
      var fragment = packet
      fragment.replaceSubrange(6..<8, with: field)
      #expect(failure(fragment) == .fragment)
    }
    var whole = packet
    whole[6] = 0x40
    #expect(failure(whole) == nil, "don't fragment")
    #expect(failure(version6([44])) == .fragment)
    var datagram = packet
    datagram[9] = 17
    #expect(failure(datagram) == .notTCP)
    #expect(failure(version6([17])) == .notTCP)
  }

  @Test("Lengths that contradict each other are errors")
  func malformed() {
    #expect(failure([]) == .malformed(.truncated))
    for (place, value) in [(0, UInt8(0x44)), (0, 0x4f), (0, 0x35), (3, 19), (32, 0x40), (32, 0xf0)] {
      var wrong = Array(packet.prefix(place == 0 ? 48 : packet.count))
      wrong[place] = value
      if place == 3 { wrong[2] = 0 }
      // 60 octets of header that are not there are there, where nothing is cut off.
      if value == 0xf0 {
        wrong = Array(wrong.prefix(60))
        (wrong[2], wrong[3]) = (0, 60)
      }
      #expect(failure(wrong) != nil, "\(place): \(value)")
    }
  }

  @Test("P1 no octets make it trap, whatever they are", arguments: 0..<8)
  func anything(seed: UInt64) {
    var state = seed
    func random() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    for _ in 0..<5_000 {
      var wrong = random() & 1 == 0 ? packet : version6([0, 43, 60])
      for _ in 0...(random() % 4) { wrong[Int(random()) % wrong.count] = UInt8(truncatingIfNeeded: random()) }
      wrong.removeLast(Int(random()) % wrong.count)
      let original = Int(truncatingIfNeeded: random()) % 70_000
      if let segment = try? read(wrong, originalCount: original) { #expect(segment.textCount < 140_000) }
    }
  }
}
