import MartletCommand
import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// Reading what `martlet trace --json` writes.
@Suite struct TraceLineTests {
  private func read(_ line: String) -> TraceEvent? {
    JSONParser.parse(Array(line.utf8)).flatMap(TraceEvent.init)
  }

  private var full: TracedSegment {
    var options = TCPOptions()
    options.present = [.maximumSegmentSize, .windowScale, .sackPermitted, .timestamps, .fastOpen, .sack]
    options.maximumSegmentSize = 1_460
    options.windowScale = WindowScale(7)
    options.tsval = .max
    options.tsecr = 1
    options.fastOpenCookieCount = 3
    options.fastOpenCookie[0] = 0xa0
    options.fastOpenCookie[2] = 0x0f
    options.sackCount = 2
    options.sack[0] = SACKBlock(start: SequenceNumber(.max), end: SequenceNumber(9))
    options.sack[1] = SACKBlock(start: SequenceNumber(20), end: SequenceNumber(30))
    let source = TraceEndpoint(.v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 2)), 65_535)
    let destination = TraceEndpoint(.v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 1)), 80)
    return TracedSegment(
      source: source, destination: destination,
      header: TCPHeader(
        sourcePort: source.port, destinationPort: destination.port, seq: SequenceNumber(.max),
        ack: SequenceNumber(1), flags: [.syn, .ack, .psh, .urg, .ece, .cwr], window: UnscaledWindow(65_535),
        urgentPointer: 7, options: options), textCount: 1_000)
  }

  @Test("What was written is read as it was", arguments: [PacketDirection.inbound, .outbound])
  func segments(direction: PacketDirection) {
    let event = TraceEvent.segment(full, direction, at: Instant(nanoseconds: .max / 2))
    #expect(read(event.json()) == event)
    var bare = full
    bare.header.options = TCPOptions()
    bare.header.flags = .rst
    bare.header.ack = SequenceNumber(0)
    bare.header.urgentPointer = 0
    let second = TraceEvent.segment(bare, direction, at: Instant(nanoseconds: 0))
    #expect(read(second.json()) == second)
  }

  @Test("Each rule, with and without a flow, in each language", arguments: Rule.allCases)
  func records(rule: Rule) {
    let record = FlightRecorder.Record(time: Instant(nanoseconds: 5), flow: 9, rule: rule, a: 1, b: .max)
    let flow = TraceFlow(
      local: TraceEndpoint(.v4(IPv4Address(10, 7, 0, 1)), 80),
      remote: TraceEndpoint(.v6(IPv6Address(high: 1, low: 2)), 1))
    for language in Language.allCases {
      for flow in [nil, flow] {
        let event = TraceEvent.record(record, of: flow)
        #expect(read(event.json(language)) == event)
      }
    }
    #expect(read(TraceEvent.lost(12).json()) == .lost(12))
  }

  @Test(
    "What is no event is none, and nothing traps",
    arguments: [
      "{}", #"{"type":"segment"}"#, #"{"type":"trace","version":1}"#, #"{"type":"lost","events":-1}"#,
      #"{"type":"record","time_ns":1,"rule":"frob","a":0,"b":0}"#,
      #"{"type":"record","time_ns":-1,"rule":"transition","a":0,"b":0}"#,
      #"{"type":"record","time_ns":1,"rule":"transition","a":4294967296,"b":0}"#,
    ])
  func rubbish(line: String) {
    #expect(read(line) == nil)
  }

  @Test("A segment with one member that is missing or wrong is none")
  func members() throws {
    let line = TraceEvent.segment(full, .inbound, at: Instant(nanoseconds: 1)).json()
    guard case .object(let members) = try #require(JSONParser.parse(Array(line.utf8))) else { return }
    for name in ["time_ns", "src", "sport", "dst", "dport", "flags", "seq", "ack", "win", "len"] {
      #expect(TraceEvent(.object(members.filter { $0.name != name })) == nil, "\(name)")
      let wrong = members.map { $0.name == name ? JSONValue.Member(name, .bool(true)) : $0 }
      #expect(TraceEvent(.object(wrong)) == nil, "\(name)")
    }
    let rubbish = members.map { $0.name == "options" ? JSONValue.Member("options", .null) : $0 }
    #expect(TraceEvent(.object(rubbish)) == nil)
  }
}
