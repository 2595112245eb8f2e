import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite struct LadderTests {
  /// Where the lifelines of each row stand; rows of titles and legend left out.
  private func lifelines(_ text: String) -> Set<[Int]> {
    var found: Set<[Int]> = []
    for line in text.split(separator: "\n") {
      var column = 0
      var columns: [Int] = []
      for scalar in line.unicodeScalars {
        if "│├┤┊".unicodeScalars.contains(scalar) { columns.append(column) }
        column += scalar.columns
      }
      if !columns.isEmpty { found.insert([Int](columns.prefix(2))) }
    }
    return found
  }

  @Test("P2 any segments at all make a ladder with straight lifelines", arguments: UInt64(1)...40)
  func anySegments(seed: UInt64) throws {
    var state = seed &* 0x9e37_79b9_7f4a_7c15
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    var exchange = Exchange()
    for _ in 0..<60 {
      let flags = TCPFlags(rawValue: UInt16(random(32)))
      let wild = random(8) == 0
      let seq = wild ? UInt32(truncatingIfNeeded: random(.max)) : UInt32(random(4))
      exchange.delay = random(2) == 0 ? nil : Int64(random(5_000))
      try exchange.send(
        random(2) == 0 ? .left : .right, flags.subtracting(.ack), seq: seq,
        ack: flags.contains(.ack) ? UInt32(random(4)) : nil, text: Int(random(3)),
        after: Int64(random(2_000)),
        isLost: random(6) == 0)
      if random(10) == 0, let state = TCPState(rawValue: UInt8(random(11))) {
        exchange.know(.left, .established, state, at: exchange.now)
      }
    }
    for columns in [0, 60, 91, 92, 115, 116, 500] {
      let style = LadderStyle(columns: columns, language: columns == 60 ? .simplifiedChinese : .english)
      let text = exchange.ladder.text(style)
      #expect(lifelines(text).count == 1, "seed \(seed)\n\(text)")
      let widest = text.split(separator: "\n").map { String($0).columns }.max() ?? 0
      #expect(widest <= max(columns, 80), "seed \(seed)")
    }
  }

  @Test("every known arrival is drawn, and each departure exactly once") func complete() throws {
    let text = try Scenario.simultaneousClose(delay: 10_000).ladder.text()
    #expect(text.split(separator: "\n").filter { $0.contains("├") || $0.contains("┤") }.count == 7)
    #expect(text.split(separator: "\n").filter { $0.contains("▶") || $0.contains("◀") }.count == 7)
  }

  @Test("colour adds only escape sequences") func colour() throws {
    let ladder = try Scenario.losses().ladder
    let plain = ladder.text()
    var stripped = ""
    var escaped = false
    for scalar in ladder.text(LadderStyle(colour: true)).unicodeScalars {
      if scalar == "\u{1b}" { escaped = true }
      if !escaped { stripped.unicodeScalars.append(scalar) }
      if escaped, scalar == "m" { escaped = false }
    }
    let lines = stripped.split(separator: "\n").map { String($0).withoutTrailingSpaces }
    #expect(lines == plain.split(separator: "\n").map(String.init))
    #expect(!plain.contains("\u{1b}"))
  }

  @Test("ASCII means ASCII") func ascii() throws {
    let text = try Scenario.losses().ladder.text(LadderStyle(ascii: true))
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
  }

  @Test("S6.3 relative numbers run on through 2^32, and beyond 4 GiB") func wrap() throws {
    var exchange = Exchange()
    exchange.serverISS = 0xffff_ff00
    try exchange.open()
    for index in 0..<UInt64(6) {
      try exchange.send(
        .right, [], seq: UInt32(truncatingIfNeeded: 1 + index * 1_000_000_000), ack: 1, text: 10)
    }
    #expect(exchange.ladder.text().contains("seq=5000000001"))
  }

  @Test("S1.3 the number ack is printed only with the flag ACK") func acknowledgmentNumber() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    #expect(!exchange.ladder.text().contains("ack="))
  }

  @Test("a window whose scale nobody saw is marked") func unknownScale() throws {
    var exchange = Exchange()
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 5)
    #expect(exchange.ladder.text().contains("win=502?"))
  }

  @Test("a scale counts only when both offered one") func scaleNotAgreed() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1, options: TCPOptions())
    try exchange.send(.left, [], seq: 1, ack: 1)
    #expect(exchange.ladder.text().contains("ACK seq=1 ack=1 win=502 "))
  }

  @Test("keep-alive and retransmission are named") func names() throws {
    var exchange = Exchange()
    try exchange.open()
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 5)
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 5, after: 200_000)
    try exchange.send(.right, [], seq: 0, ack: 6)
    let text = exchange.ladder.text()
    #expect(text.contains("PSH ACK retransmission seq=1"))
    #expect(text.contains("ACK keep-alive seq=0"))
  }

  @Test("packets of other flows and other protocols stay out") func otherPackets() throws {
    var ladder = Ladder(left: Exchange.client, right: Exchange.server)
    let other = TraceEndpoint(.v4(IPv4Address(10, 7, 0, 9)), 1)
    let header = TCPHeader(sourcePort: 1, destinationPort: 80, flags: .syn)
    let packet = Exchange.packet(header, from: other, to: Exchange.server, text: 0)
    let isOurs = try ladder.observe(packet.span.bytes, at: .origin)
    #expect(!isOurs && ladder.observations.isEmpty)
    var udp = packet
    udp[9] = 17
    #expect(throws: TraceError.notTCP) { try ladder.observe(udp.span.bytes, at: .origin) }
    let short = [UInt8](packet.prefix(30))
    #expect(throws: TraceError.malformed(.badTotalLength)) {
      try ladder.observe(short.span.bytes, at: .origin)
    }
    #expect(throws: TraceError.malformed(.truncated)) {
      try ladder.observe([UInt8]().span.bytes, at: .origin)
    }
    #expect(Ladder(flowOf: try TracedSegment(packet: packet.span.bytes)).left == other)
  }

  @Test("an empty ladder has its ends") func empty() {
    let text = Ladder(left: Exchange.client, right: Exchange.server).text()
    #expect(text.contains("CLIENT 10.7.0.2:40112") && text.contains("SERVER 10.7.0.1:80"))
  }

  @Test("IPv6 ends that do not fit beside each other stand below each other") func longTitles() {
    let address = IPv6Address(high: 0xfd00_1111_2222_3333, low: 0x4444_5555_6666_7777)
    let ladder = Ladder(left: TraceEndpoint(.v6(address), 40_112), right: TraceEndpoint(.v6(address), 80))
    let lines = ladder.text(LadderStyle(columns: 60)).split(separator: "\n")
    #expect(lines[0] == "CLIENT [fd00:1111:2222:3333:4444:5555:6666:7777]:40112")
    #expect(lines[1].hasSuffix("SERVER [fd00:1111:2222:3333:4444:5555:6666:7777]:80"))
  }
}
