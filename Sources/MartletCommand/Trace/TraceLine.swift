import MartletTCP
import MartletTrace
import MartletWire

/// Lines of a trace, as `TraceEvent.json` writes them (Documentation/Traces.md).
extension TraceEvent {
  /// Nil: it is no event, or one of a kind that is not known here.
  package init?(_ line: JSONValue) {
    switch line["type"] {
    case .string("segment"):
      guard let segment = TracedSegment(line), let time = line.time else { return nil }
      let direction: PacketDirection =
        switch line["direction"] {
        case .string("in"): .inbound
        case .string("out"): .outbound
        default: .unknown
        }
      self = .segment(segment, direction, at: time)
    case .string("record"):
      guard let record = FlightRecorder.Record(line) else { return nil }
      self = .record(record, of: TraceFlow(line))
    case .string("lost"):
      guard let events = (line["events"] ?? line["records"])?.integer, events >= 0 else { return nil }
      self = .lost(UInt64(events))
    default: return nil
    }
  }
}

extension FlightRecorder.Record {
  fileprivate init?(_ line: JSONValue) {
    guard case .string(let name) = line["rule"], let rule = rulesByName[name], let time = line.time,
      let a: UInt32 = line.number("a"), let b: UInt32 = line.number("b")
    else { return nil }
    self.init(time: time, flow: line.number("flow") ?? FlightRecorder.noFlow, rule: rule, a: a, b: b)
  }
}

private let rulesByName = [String: Rule](
  Rule.allCases.map { (RuleText($0).name, $0) }, uniquingKeysWith: { first, _ in first })

extension TraceFlow {
  fileprivate init?(_ line: JSONValue) {
    guard let local = TraceEndpoint(line["local"]), let remote = TraceEndpoint(line["remote"]) else {
      return nil
    }
    self.init(local: local, remote: remote)
  }
}

extension TraceEndpoint {
  /// `10.7.0.2:80`, `[fd00:7::2]:80`.
  fileprivate init?(_ value: JSONValue?) {
    guard case .string(let text) = value, let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...]),
      let address = IPAddress(String(text[..<colon].filter { $0 != "[" && $0 != "]" }))
    else { return nil }
    self.init(address, port)
  }

  fileprivate init?(_ line: JSONValue, _ address: String, _ port: String) {
    guard case .string(let text) = line[address], let address = IPAddress(text),
      let port: UInt16 = line.number(port)
    else { return nil }
    self.init(address, port)
  }
}

extension TracedSegment {
  fileprivate init?(_ line: JSONValue) {
    guard let source = TraceEndpoint(line, "src", "sport"),
      let destination = TraceEndpoint(line, "dst", "dport"), let flags = TCPFlags(line["flags"]),
      let seq: UInt32 = line.number("seq"), let window: UInt16 = line.number("win"),
      let count: UInt32 = line.number("len"), let options = TCPOptions(line["options"])
    else { return nil }
    let ack: UInt32? = line.number("ack")
    guard ack != nil || !flags.contains(.ack) else { return nil }
    self.init(
      source: source, destination: destination,
      header: TCPHeader(
        sourcePort: source.port, destinationPort: destination.port, seq: SequenceNumber(seq),
        ack: SequenceNumber(ack ?? 0), flags: flags, window: UnscaledWindow(window),
        urgentPointer: line.number("urgent") ?? 0, options: options),
      textCount: count)
  }
}

extension TCPFlags {
  fileprivate init?(_ value: JSONValue?) {
    guard case .array(let names) = value else { return nil }
    self = []
    for name in names {
      switch name {
      case .string("SYN"): insert(.syn)
      case .string("FIN"): insert(.fin)
      case .string("RST"): insert(.rst)
      case .string("PSH"): insert(.psh)
      case .string("ACK"): insert(.ack)
      case .string("URG"): insert(.urg)
      case .string("ECE"): insert(.ece)
      case .string("CWR"): insert(.cwr)
      case .string("AE"): insert(.ae)
      default: return nil
      }
    }
  }
}

extension TCPOptions {
  /// Without a value there are none.
  fileprivate init?(_ value: JSONValue?) {
    self.init()
    guard let value else { return }
    guard case .object = value else { return nil }
    if let mss: UInt16 = value.number("mss") {
      present.insert(.maximumSegmentSize)
      maximumSegmentSize = mss
    }
    if let shift: UInt8 = value.number("window_scale") {
      present.insert(.windowScale)
      windowScale = WindowScale(shift)
    }
    if value["sack_permitted"]?.isTrue == true { present.insert(.sackPermitted) }
    if let tsval: UInt32 = value.number("tsval") {
      present.insert(.timestamps)
      self.tsval = tsval
      tsecr = value.number("tsecr") ?? 0
    }
    if case .string(let cookie) = value["fast_open"] { readCookie(cookie) }
    if case .array(let blocks) = value["sack"] { readBlocks(blocks) }
    if value["unknown"]?.isTrue == true { present.insert(.unknown) }
    if value["malformed"]?.isTrue == true { present.insert(.malformed) }
  }

  private mutating func readCookie(_ digits: String) {
    present.insert(.fastOpen)
    var rest = digits[...]
    while fastOpenCookieCount < 16, let octet = UInt8(rest.prefix(2), radix: 16) {
      fastOpenCookie[Int(fastOpenCookieCount)] = octet
      fastOpenCookieCount += 1
      rest = rest.dropFirst(2)
    }
  }

  private mutating func readBlocks(_ blocks: [JSONValue]) {
    present.insert(.sack)
    for block in blocks.prefix(4) {
      guard case .array(let edges) = block, edges.count == 2,
        let start = edges[0].integer.flatMap({ UInt32(exactly: $0) }),
        let end = edges[1].integer.flatMap({ UInt32(exactly: $0) })
      else { continue }
      sack[Int(sackCount)] = SACKBlock(start: SequenceNumber(start), end: SequenceNumber(end))
      sackCount += 1
    }
  }
}

extension JSONValue {
  fileprivate func number<N: FixedWidthInteger>(_ name: String) -> N? {
    self[name]?.integer.flatMap { N(exactly: $0) }
  }

  fileprivate var time: Instant? {
    let nanoseconds: UInt64? = number("time_ns")
    return nanoseconds.map { Instant(nanoseconds: $0) }
  }
}
