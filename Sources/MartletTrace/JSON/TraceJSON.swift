public import MartletTCP
internal import MartletWire

/// One JSON object for each thing that a trace holds, without a newline. Times are
/// nanoseconds; sequence numbers are as on the wire.
extension TracedSegment {
  /// `{"type":"segment","time_ns":…,"src":"10.7.0.2","sport":40112,"dst":…,"dport":…,"flags":["SYN"],"seq":…,
  /// "ack":…,"win":…,"len":…,"options":{…}}`; `ack` only with the flag ACK, `win` as the field says.
  public func json(at time: Instant) -> String { object(at: time).text }

  func object(at time: Instant) -> JSONObject {
    var object = JSONObject()
    object.add("type", "segment")
    object.add("time_ns", time.nanoseconds)
    object.add("src", source.address.description)
    object.add("sport", UInt64(source.port))
    object.add("dst", destination.address.description)
    object.add("dport", UInt64(destination.port))
    object.add("flags", flags.names)
    object.add("seq", UInt64(seq.rawValue))
    if flags.contains(.ack) { object.add("ack", UInt64(ack.rawValue)) }
    object.add("win", UInt64(header.window.field))
    if flags.contains(.urg) { object.add("urgent", UInt64(header.urgentPointer)) }
    object.add("len", UInt64(textCount))
    if !header.options.present.isEmpty { object.add("options", header.options.object) }
    return object
  }
}

extension Observation {
  /// The segment's object, with `from` (`client`, `server`), and where known
  /// `arrival_ns`, `lost`, `sender_state` and `receiver_state`.
  public var json: String {
    var object = segment.object(at: time)
    object.add("from", from == .left ? "client" : "server")
    if let arrival { object.add("arrival_ns", arrival.nanoseconds) }
    if isLost { object.add("lost", true) }
    if !findings.isEmpty { object.add("findings", findings.names) }
    if let resetCause { object.add("reset_cause", resetCause.text(.english)) }
    if let senderState { object.add("sender_state", senderState.text(.rfc)) }
    if let receiverState { object.add("receiver_state", receiverState.text(.rfc)) }
    return object.text
  }
}

extension TCPOptions {
  fileprivate var object: JSONObject {
    var object = JSONObject()
    if present.contains(.maximumSegmentSize) { object.add("mss", UInt64(maximumSegmentSize)) }
    if present.contains(.windowScale) { object.add("window_scale", UInt64(windowScale.shift)) }
    if present.contains(.sackPermitted) { object.add("sack_permitted", true) }
    if present.contains(.sack) {
      var blocks: [(UInt64, UInt64)] = []
      for index in 0..<min(Int(sackCount), 4) {
        blocks.append((UInt64(sack[index].start.rawValue), UInt64(sack[index].end.rawValue)))
      }
      object.add("sack", pairs: blocks)
    }
    if present.contains(.timestamps) {
      object.add("tsval", UInt64(tsval))
      object.add("tsecr", UInt64(tsecr))
    }
    if present.contains(.fastOpen) {
      var cookie = ""
      for index in 0..<min(Int(fastOpenCookieCount), 16) {
        cookie += hexadecimal(UInt64(fastOpenCookie[index]), digits: 2)
      }
      object.add("fast_open", cookie)
    }
    if present.contains(.unknown) { object.add("unknown", true) }
    if present.contains(.malformed) { object.add("malformed", true) }
    return object
  }
}

extension FlightRecorder.Record {
  /// `{"type":"record","time_ns":…,"flow":…,"rule":"ackAdvances","cite":"RFC 9293 §3.10.7.4","a":…,"b":…,
  /// "text":"…"}`; a transition has `from` and `to` as well, and what concerns no flow has no `flow`.
  public func json(_ language: Language = .english) -> String { object(language).text }

  func object(_ language: Language) -> JSONObject {
    let text = RuleText(rule)
    var object = JSONObject()
    object.add("type", "record")
    object.add("time_ns", time.nanoseconds)
    if flow != FlightRecorder.noFlow { object.add("flow", UInt64(flow)) }
    object.add("rule", text.name)
    object.add("cite", text.citation)
    object.add("a", UInt64(a))
    object.add("b", UInt64(b))
    if rule == .transition, let old = TCPState(operand: a), let new = TCPState(operand: b) {
      object.add("from", old.text(.rfc))
      object.add("to", new.text(.rfc))
    }
    object.add("text", describe(self, language))
    return object
  }
}
