import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// S1: the segment, field by field.
@Suite struct SegmentTests {
  /// Octets read by hand, without the parser under test.
  private struct Raw {
    var octets: [UInt8]
    var start: Int

    init(_ packet: [UInt8], _ family: ScenarioFamily) {
      octets = packet
      start = family == .ipv4 ? 20 : 40
    }

    func u8(_ at: Int) -> Int { Int(octets[start + at]) }
    func u16(_ at: Int) -> Int { u8(at) << 8 | u8(at + 1) }
    func u32(_ at: Int) -> UInt32 { UInt32(u16(at)) << 16 | UInt32(u16(at + 2)) }

    /// RFC 9293 §3.1, by the definition: the ones' complement sum over pseudo-header and segment is 0xffff.
    var sum: Int {
      var words = start == 20 ? Array(octets[12..<20]) : Array(octets[8..<40])
      let count = octets.count - start
      words += [0, 6, UInt8(count >> 8), UInt8(count & 255)]
      words += octets[start...]
      if words.count % 2 == 1 { words.append(0) }
      var sum = 0
      for i in stride(from: 0, to: words.count, by: 2) { sum += Int(words[i]) << 8 | Int(words[i + 1]) }
      while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
      return sum
    }
  }

  @Test(
    "S1.1 MUST-2 every field that is sent stands where RFC 9293 Figure 1 has it",
    arguments: ScenarioFamily.allCases)
  func fieldsSent(_ family: ScenarioFamily) throws {
    let s = Scenario(.listening(port: 0x1234), family: family, peerISN: 0xffff_fffe, iss: 0x8765_4321)
    s.inject(.syn(seq: 0))
    let synAck = Raw(try #require(s.expect(.synAck())).packet, family)
    #expect(synAck.u16(0) == 0x1234 && synAck.u16(2) == 40_000)
    #expect(synAck.u32(4) == 0x8765_4321)
    #expect(synAck.u32(8) == 0xffff_ffff)
    #expect(synAck.u8(12) == 6 << 4, "24 octets of header, nothing reserved set")
    #expect(synAck.u8(13) == 0b01_0010, "ACK and SYN")
    #expect(synAck.u16(14) == 65_535)
    #expect(synAck.sum == 0xffff)
    #expect(synAck.u16(18) == 0)
    let mss = family == .ipv4 ? 1_460 : 1_440
    #expect(synAck.u8(20) == 2 && synAck.u8(21) == 4 && synAck.u16(22) == mss)
    #expect(synAck.octets.count == synAck.start + 24)

    s.inject(.ack(seq: 1, ack: 1))
    s.send("abc", urgent: true)
    let text = Raw(try #require(s.expect(.data(seq: 1, ack: 1, "abc").urgent(3))).packet, family)
    #expect(text.u32(4) == 0x8765_4322 && text.u32(8) == 0xffff_ffff)
    #expect(text.u8(12) == 5 << 4)
    #expect(text.u8(13) == 0b11_1000, "URG, ACK and PSH")
    #expect(text.u16(18) == 3)
    #expect(text.sum == 0xffff)
    #expect(Array(text.octets.suffix(3)) == Array("abc".utf8))
  }

  @Test(
    "S1.1 every field that comes is read: numbers, window, urgent pointer, options",
    arguments: ScenarioFamily.allCases)
  func fieldsRead(_ family: ScenarioFamily) throws {
    let s = Scenario(.listening, family: family, peerISN: 0x0102_0304)
    s.inject(.syn(seq: 0, window: 0x1234, options: [.mss(777), .windowScale(3)]).reserved(7))
    s.expect(.synAck(seq: 0, ack: 1).carrying(.windowScale))
    s.inject(.data(seq: 1, ack: 1, window: 0x0567, "four").urgent(4).reserved(5))
    let status = try #require(s.status)
    #expect(status.rcvNxt == SequenceNumber(0x0102_0309))
    #expect(status.sndWnd == 0x0567 << 3)
    #expect(status.sndMss == 777)
    #expect(status.urgentPending == 4)
    #expect(s.receive().text == "four")
    #expect(s.report?.remote == Endpoint(address: s.peer, port: 40_000))
  }

  @Test(
    "S1.1 P1 a data offset that cannot be, and a segment shorter than its header, are dropped",
    arguments: ScenarioFamily.allCases)
  func badOffset(_ family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    for words in [0, 1, 4, 6, 15] as [UInt8] { s.inject(.data(seq: 1, ack: 1, "x").dataOffset(words)) }
    s.expectNothing(for: .seconds(1))
    #expect(s.counters.drops(.badTCPHeader) + s.counters.drops(.badTCPChecksum) == 5)
    #expect(s.receive().error == .wouldBlock)
  }

  @Test(
    "S1.1 MUST-3 a segment with any octet changed is dropped without a word",
    arguments: ScenarioFamily.allCases)
  func anyOctetChanged(_ family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    let start = family == .ipv4 ? 20 : 40
    let packet = s.packet(.data(seq: 1, ack: 1, "hello"))
    for i in start..<packet.count {
      var changed = packet
      changed[i] ^= 0x40
      s.inject(packet: changed)
    }
    s.expectNothing(for: .seconds(1))
    #expect(s.counters.drops == UInt64(packet.count - start))
    #expect(s.receive().error == .wouldBlock)
    s.inject(packet: packet)
    #expect(s.receive().text == "hello")
  }

  @Test("S1.1 S1.3 a segment is printed with each field under its name", arguments: ScenarioFamily.allCases)
  func printed(_ family: ScenarioFamily) {
    let s = Scenario(.established(), family: family, peerISN: 99)
    let all = s.packet(
      .segment([.ack, .psh, .urg], seq: 1, ack: 1, window: 512, "abc", options: [.timestamps(7, 8)]).urgent(2)
    )
    let ack = s.status?.sndUna.rawValue ?? 0
    let ends = family == .ipv4 ? "IP 10.0.0.2.40000 > 10.0.0.1.80" : "IP6 fd00:7::2.40000 > fd00:7::1.80"
    #expect(
      packetText(all.span.bytes)
        == "\(ends): Flags [P.U], seq 100:103, ack \(ack), win 512, urg 2, "
        + "options [nop,nop,TS val 7 ecr 8], length 3"
    )
    // The number is not printed where the flag does not make it one.
    let bare = s.packet(.segment(.syn, seq: 1, ack: 5, window: 512))
    #expect(packetText(bare.span.bytes) == "\(ends): Flags [S], seq 100, win 512, length 0")
  }

  // MARK: S1.2

  static let flags: [(TCPFlags, octet: Int, mask: UInt8)] = [
    (.fin, 13, 0x01), (.syn, 13, 0x02), (.rst, 13, 0x04), (.psh, 13, 0x08), (.ack, 13, 0x10),
    (.urg, 13, 0x20),
    (.ece, 13, 0x40), (.cwr, 13, 0x80), (.ae, 12, 0x01),
  ]

  @Test("S1.2 each of the nine flags is its own bit", .bothFamilies, arguments: 0..<9)
  func ownBit(_ index: Int) throws {
    let (flag, octet, mask) = Self.flags[index]
    let s = Scenario(.closed)
    var packet = s.packet(.segment(flag, seq: 5))
    let header = ScenarioFamily.standard == .ipv4 ? 20 : 40
    #expect(packet[header + octet] & ~0xf0 == mask || packet[header + octet] == mask)
    #expect(packet[header + (25 - octet)] & (octet == 12 ? 0xff : 0x0f) == 0)
    let segment = try #require(WireSegment(packet, fromA: true))
    #expect(segment.flags == flag)
    for (other, _, _) in Self.flags where other != flag { #expect(!segment.flags.contains(other)) }
    // Any other bit of the two octets is another flag, or reserved.
    packet[header + 13] = 0xff
    packet[header + 12] |= 0x0f
    #expect(WireSegment(packet, fromA: true)?.flags.rawValue == 0x1ff)
  }

  @Test("S1.2 in LISTEN each flag alone has its own effect", .bothFamilies, arguments: 0..<9)
  func effectInListen(_ index: Int) {
    let flag = Self.flags[index].0
    let s = Scenario(.listening)
    s.inject(.segment(flag, seq: 0, ack: flag == .ack ? 9 : 0))
    switch flag {
    case .syn: s.expect(.synAck(seq: 0, ack: 1))
    case .ack: s.expect(.rst(seq: 9))
    default: break
    }
    s.expectNothing()
    s.expectState(flag == .syn ? .synReceived : .listen)
  }

  @Test(
    "S1.2 in ESTABLISHED, beside ACK: FIN, SYN, RST and URG act; PSH, ECE, CWR, AE do not", .bothFamilies,
    arguments: 0..<9)
  func effectInEstablished(_ index: Int) {
    let flag = Self.flags[index].0
    let s = Scenario(.established())
    s.takeEvents()
    s.inject(.segment(flag.union(.ack), seq: 1, ack: 1).urgentIf(flag == .urg, 3))
    switch flag {
    case .fin:
      s.expect(.ack(seq: 1, ack: 2))
      s.expectState(.closeWait)
    case .syn:
      s.expect(.ack(seq: 1, ack: 1))
      s.expectState(.established)
    case .rst:
      #expect(s.endReason == .reset)
    case .urg:
      #expect(s.news == .urgent)
    default:
      #expect(s.news.isEmpty)
      s.expectState(.established)
    }
    s.expectNothing()
  }

  @Test("S1.2 P4 a SYN with ECE, CWR and AE beside it, or reserved bits, is a SYN", .bothFamilies)
  func flagsBesideSYN() {
    for flags: TCPFlags in [[.ece, .cwr], [.ae, .ece, .cwr], .psh, .urg] {
      let s = Scenario(.listening)
      s.inject(.syn(seq: 0).adding(flags).reserved(7))
      // A request for ECN is answered to, and is all that differs (RFC 3168 §6.1.1).
      s.expect(.synAck(seq: 0, ack: 1).adding(flags.contains(.cwr) ? .ece : []))
    }
  }

  // MARK: S1.3

  @Test("S1.3 without the flag ACK the number counts for nothing", .bothFamilies)
  func numberWithoutFlag() {
    // In LISTEN an ACK would earn a RST.
    let l = Scenario(.listening)
    l.inject(.segment(.syn, seq: 0, ack: 12_345))
    l.expect(.synAck(seq: 0, ack: 1))
    // In SYN-SENT it would be refused; without the flag it is a simultaneous open.
    let c = Scenario(.synSent)
    c.inject(.segment(.syn, seq: 0, ack: 12_345))
    c.expect(.synAck(seq: 0, ack: 1))
    c.expectState(.synReceived)
    // In SYN-RECEIVED and ESTABLISHED a segment without it is dropped, with the very number that is wanted.
    let r = Scenario(.synReceived(), iss: 1_000)
    r.inject(.segment(.psh, seq: 1, ack: 1_001, "text"))
    r.expectNothing()
    r.expectState(.synReceived)
    let e = Scenario(.established(), iss: 1_000)
    e.send(10)
    e.expect(.data(seq: 1, 10))
    e.inject(.segment(.psh, seq: 1, ack: 1_011, "text"))
    e.inject(.segment(.fin, seq: 1, ack: 1_011))
    e.expectNothing()
    #expect(e.status?.unacked == 10)
    #expect(e.receive().error == .wouldBlock)
    e.expectState(.established)
  }

  @Test("S1.3 what is sent without the flag has zero in the field", .bothFamilies)
  func fieldOfSent() throws {
    let s = Scenario(.closed)
    s.inject(.ack(seq: 1, ack: 777).to(port: 81))
    let reset = try #require(s.expect(.rst().from(port: 81)))
    #expect(reset.header.ack == SequenceNumber(0))
    s.connect()
    let syn = try #require(s.expect(.syn(seq: 0)))
    #expect(syn.header.ack == SequenceNumber(0))
  }

  // MARK: S1.4

  @Test(
    "S1.4 SYN and FIN take one number each, text one an octet, an ACK none",
    arguments: ScenarioFamily.allCases)
  func sequenceSpace(_ family: ScenarioFamily) {
    let s = Scenario(.listening, family: family, peerISN: 0xffff_ffff, iss: 0xffff_ffff)
    s.inject(.syn(seq: 0))
    s.expect(.synAck(seq: 0, ack: 1))
    for _ in 0..<3 { s.inject(.ack(seq: 1, ack: 1)) }
    s.expectNothing()
    s.inject(.data(seq: 1, ack: 1, "abc"))
    s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 4))
    s.send("de")
    s.expect(.data(seq: 1, ack: 4, "de"))
    s.inject(.ack(seq: 4, ack: 3))
    s.inject(.fin(seq: 4, ack: 3, "fg"))
    s.expect(.ack(seq: 3, ack: 7))
    s.shutdown(.send)
    s.expect(.fin(seq: 3, ack: 7, 0))
    s.inject(.ack(seq: 7, ack: 3))
    s.expectState(.lastAck)
    s.inject(.ack(seq: 7, ack: 4))
    #expect(s.status?.state == .closed)
  }

  // MARK: S1.5

  @Test(
    "S1.5 text is readable as soon as it has come, with PSH or without", .bothFamilies,
    arguments: [true, false])
  func push(_ pushed: Bool) {
    let s = Scenario(.established())
    s.takeEvents()
    s.inject(.segment(pushed ? [.ack, .psh] : .ack, seq: 1, ack: 1, "now"))
    #expect(s.news == .readable)
    #expect(s.receive().text == "now")
  }

  @Test("S1.5 MUST-61 the segment that empties the send queue carries PSH, others do not", .bothFamilies)
  func pushSent() {
    let s = Scenario(.established())
    s.send(2_920)
    s.expect(.data(seq: 1, 1_460).withoutPush())
    s.expect(.data(seq: 1_461, 1_460).adding(.psh))
  }

  @Test(
    "S1.5 MUST-30 MUST-32 MUST-33 URG: the application hears of urgent text first, and how much there is",
    .bothFamilies
  )
  func urgentReceived() {
    let s = Scenario(.established())
    s.takeEvents()
    // The pointer runs ahead of the text.
    s.inject(.segment([.ack, .psh], seq: 1, ack: 1, "ab").urgent(6))
    #expect(s.news == [.readable, .urgent])
    #expect(s.status?.urgentPending == 6)
    s.inject(.data(seq: 3, ack: 1, "cdefgh"))
    #expect(s.receive(upTo: 4).text == "abcd")
    #expect(s.status?.urgentPending == 2)
    #expect(s.readiness.contains(.urgent))
    // It stays in the stream: nothing is taken out of it.
    #expect(s.receive().text == "efgh")
    #expect(s.status?.urgentPending == 0)
    #expect(!s.readiness.contains(.urgent))
  }

  @Test(
    "S1.5 MUST-31 MUST-62 URG sent: the pointer names the octet after the urgent text, of any length",
    .bothFamilies)
  func urgentSent() {
    let s = Scenario(.established())
    s.send(3_000, urgent: true)
    s.expect(.data(seq: 1, 1_460).urgent(3_000))
    s.expect(.data(seq: 1_461, 1_460).urgent(1_540))
    s.inject(.ack(seq: 1, ack: 2_921))
    s.expect(.data(seq: 2_921, 80).urgent(80))
    s.inject(.ack(seq: 1, ack: 3_001))
    s.send(5)
    s.expect(.data(seq: 3_001, 5))
  }

  @Test("S1.5 RST ends the connection on arrival, unread text or not", arguments: ScenarioFamily.allCases)
  func reset(_ family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    s.inject(.data(seq: 1, ack: 1, "unread"))
    s.send(5_000)
    s.takeSegments()
    s.takeEvents()
    s.inject(.rst(seq: 7))
    s.expectState(.closed)
    #expect(s.news.isSuperset(of: [.ended, .readable, .writable]))
    s.expectNothing(for: .hours(1))
    #expect(s.receive().error == .ended(.reset))
    #expect(s.stack.held.chunks == 0)
  }
}

extension InjectedSegment {
  func urgentIf(_ condition: Bool, _ pointer: UInt16) -> InjectedSegment {
    condition ? urgent(pointer) : self
  }
}
