import MartletTCP
import MartletWire

extension NetworkStack {
  /// A TCP segment over IPv6: check it, and hand it to the record that its flow has. `ipv4Arrives` does it for IPv4.
  mutating func tcpArrives(_ bytes: RawSpan, _ arrival: Arrival) {
    // RFC 9293 MUST-57: silently.
    guard arrival.isUnicast else { return counts.drop(.tcpNotUnicast) }
    guard let view = TCPHeaderView(validating: bytes) else { return counts.drop(.badTCPHeader) }
    if !arrival.isVerified {
      let sum = InternetChecksum.pseudoHeader(
        source: arrival.source, destination: arrival.destination, proto: .tcp, length: bytes.byteCount)
      guard view.isChecksumValid(pseudoHeader: sum) else { return counts.drop(.badTCPChecksum) }
    }
    let flow = Flow(
      local: arrival.destination, remote: arrival.source, localPort: view.destinationPort,
      remotePort: view.sourcePort, zone: arrival.zone)
    let hash = flow.tableHash(secrets.flowTable)
    let seg = Segment(view, segmentSize: arrival.segmentSize, arrival.ecn)
    segmentArrives(seg, flow, hash, find(flow, hash), text: view.text)
  }

  mutating func segmentArrives(
    _ seg: Segment, _ flow: Flow, _ hash: UInt64, _ reference: FlowReference?, text: RawSpan
  ) {
    guard let reference else {
      around.counters.inSegs &+= 1
      return newcomerArrives(seg, flow, hash, above: nil, text: text)
    }
    switch reference.entry.phase {
    case .connection: connectionArrives(reference.entry.index, seg, text: text)
    case .embryonic:
      let isStray = !acknowledgesSynAck(seg, reference)
      let asked = answerLimits.asked
      embryoArrives(reference, flow, seg, text: text)
      if isStray, answerLimits.asked == asked { countStray(seg, flow) }
    case .lingering:
      let asked = answerLimits.asked
      lingeringArrives(reference, flow, seg)
      if answerLimits.asked == asked { countStray(seg, flow) }
    }
  }

  /// The record of a flow, if it has one. A TIME-WAIT record that a SYN is reopening stays in the table
  /// beside the embryo, which comes first.
  ///
  /// - Parameter hash: `flow.tableHash`.
  @inline(__always)
  mutating func find(_ flow: Flow, _ hash: UInt64) -> FlowReference? {
    guard let key = IPv4FlowKey(flow) else { return find6(flow, hash) }
    var search = flows4.table.search(hash)
    return find(key, &search).map { FlowReference(entry: $0, isIPv4: true) }
  }

  @inline(__always)
  mutating func find(_ key: IPv4FlowKey, _ search: inout FlowTable.Search) -> FlowEntry? {
    var lingering: FlowEntry?
    while let value = flows4.table.next(&search) {
      let entry = FlowEntry(rawValue: value)
      switch entry.phase {
      case .connection where connections[entry.index].key == key,
        .embryonic where flows4.embryos[entry.index].key == key:
        return entry
      case .lingering where flows4.lingering[entry.index].key == key:
        lingering = entry
      case .connection, .embryonic, .lingering:
        continue
      }
    }
    return lingering
  }

  @inline(__always)
  mutating func find(_ flow: Flow) -> FlowReference? { find(flow, flow.tableHash(secrets.flowTable)) }

  @inline(__always)
  private mutating func find6(_ flow: Flow, _ hash: UInt64) -> FlowReference? {
    guard let key = IPv6FlowKey(flow) else { return nil }
    var lingering: FlowReference?
    var search = flows6.table.search(hash)
    while let value = flows6.table.next(&search) {
      let entry = FlowEntry(rawValue: value)
      switch entry.phase {
      case .connection where keys6[connections[entry.index].key.local] == key,
        .embryonic where flows6.embryos[entry.index].key == key:
        return FlowReference(entry: entry, isIPv4: false)
      case .lingering where flows6.lingering[entry.index].key == key:
        lingering = FlowReference(entry: entry, isIPv4: false)
      case .connection, .embryonic, .lingering:
        continue
      }
    }
    return lingering
  }

  /// LISTEN and CLOSED: a segment whose flow has no record, or, with `minimumISS`, one that reopens a
  /// TIME-WAIT.
  mutating func newcomerArrives(
    _ seg: Segment, _ flow: Flow, _ hash: UInt64, above minimumISS: SequenceNumber?, text: RawSpan
  ) {
    guard let listener = listener(at: flow.localEndpoint) else {
      counts.drop(.noConnection)
      return reset(seg, flow)
    }
    // RFC 9293 §3.10.7.2, as `segmentArrivesListen` has it: a RST is ignored, an ACK is answered with a reset,
    // unless it brings a cookie, and of what is left only a SYN is wanted.
    if seg.flags.intersection([.syn, .ack, .rst]) == .syn {
      if let reason = refusal(of: flow, listener) { return refuse(seg, flow, reason) }
      return conceive(flow, hash, seg, listener: listener, above: minimumISS, text: text)
    }
    if cookieReturns(seg, flow, hash, listener: listener, text: text) { return }
    counts.drop(.listenRefused)
    if seg.flags.contains(.rst) {
      noteStranger(.resetIgnored, seg.seq.rawValue, of: flow)
    } else if seg.flags.contains(.ack) {
      reset(seg, flow)
    }
  }

  /// Who listens there: the exact address wins over any address.
  mutating func listener(at local: Endpoint) -> UInt32? {
    listenerPorts.best(local.port) { i in
      guard let address = listeners[i].local.address else { return 1 }
      return address == local.address ? 2 : 0
    }
  }
}
