import MartletTCP
import MartletWire

/// Drives one connection by a script of octets: segments near its real numbers, calls of an application,
/// time, and pulls. After every event the invariants are checked, and what this package knows without
/// asking the connection: what each octet must be, what may be answered, what may not move back.
public func driveConnection(_ input: [UInt8]) throws(Finding) {
  var driver = ConnectionDriver(ByteScript(input))
  do throws(Finding) {
    try driver.run()
  } catch {
    // Once more, telling what happens: the same happens, since nothing here depends on chance.
    var again = ConnectionDriver(ByteScript(input))
    again.story = []
    try? again.run()
    throw error.told(again.story ?? [])
  }
}

/// The connection with all that an engine keeps for it. The engine's rules are kept too: an idle cold
/// block is thrown away after every event, an acknowledgment that is owed at once leaves before the next
/// segment is taken, TIME-WAIT and half-open are records of their own.
struct ConnectionDriver: ~Copyable {
  var script: ByteScript
  let setup: ConnectionSetup
  var around: Surroundings
  var now: Instant
  var writer = SegmentWriter()

  var embryo: EmbryonicTCB?
  var tcb: TCB
  var cold = ColdBlock()
  var timeWait: TimeWaitTCB?
  /// The connection is closed, or its last record is gone.
  var isFinished = false

  var inbound: InboundStream
  /// Octets that `send` took.
  var queued: UInt32 = 0
  /// The application has closed its sending half.
  var hasFinished = false
  var hasClosed = false
  /// The highest right edge of the peer's window so far.
  var peerEdge: SequenceNumber
  /// The highest right edge that this side has told the peer.
  var toldEdge: SequenceNumber?
  var lastAckSent: SequenceNumber?
  /// What has happened, line by line; nil: nobody asked.
  var story: [String]?

  init(_ script: ByteScript) {
    var script = script
    let setup = ConnectionSetup(&script)
    self.script = script
    self.setup = setup
    now = setup.now
    around = setup.surroundings()
    inbound = InboundStream(irs: setup.irs)
    peerEdge = setup.iss
    tcb = TCB(
      connecting: setup.iss, timestampOffset: setup.timestampOffset, mss: setup.mss,
      sendMSSLimit: setup.mss, defaultPeerMSS: 536, options: setup.options, around, now: now)
  }

  mutating func run() throws(Finding) {
    let setup = setup
    tell("\(setup)")
    try open()
    while !isOver { try step() }
    tell("the script is over")
    try tearDown()
  }

  /// A line of the story, if somebody wants to hear it.
  @inline(__always)
  mutating func tell(_ line: @autoclosure () -> String) {
    guard story != nil else { return }
    append(line())
  }

  private mutating func append(_ line: String) {
    let place =
      "una \(tcb.snd.una.rawValue) nxt +\(tcb.snd.flight) max +\(tcb.snd.max.distance(from: tcb.snd.una))"
    let queues = "send \(cold.send.count) receive \(cold.receive.count)+\(cold.outOfOrder.totalBytes)"
    story?.append("  \(now.milliseconds) ms \(tcb.state.name) \(place) \(queues): \(line)")
  }

  var isOver: Bool { isFinished || script.isAtEnd }

  mutating func open() throws(Finding) {
    switch setup.opening {
    case .active:
      try pull()
    case .activeDone:
      try pull()
      var synAck = Segment(
        seq: setup.irs, ack: setup.iss.advanced(by: 1), flags: [.syn, .ack], wnd: writer.window,
        options: setup.peerOptions)
      synAck.options.tsecr = numbers.tsClock
      try arrives(ScriptedSegment(seg: synAck))
      try pull()
    case .passive, .passiveDone:
      let syn = Segment(seq: setup.irs, flags: .syn, wnd: writer.window, options: setup.peerOptions)
      embryo = EmbryonicTCB(syn, iss: setup.iss, defaultPeerMSS: 536, around, now: now)
      if setup.opening == .passive { return }
      now = now.advanced(by: .milliseconds(1))
      try arrives(ScriptedSegment(seg: writer.inOrder(numbers, count: 0, flags: .ack)))
      try pull()
    }
  }

  /// One instruction. The low five bits say what, bit 5 makes text a lie, bit 6 joins segments, bit 7
  /// leaves the pull to a later one: a batch.
  mutating func step() throws(Finding) {
    let instruction = script.next()
    tell("instruction \(instruction & 31)\(instruction & 0x80 == 0 ? "" : ", batched")")
    switch instruction & 31 {
    case 0...5:
      try arrives(scripted(writer.inOrder(numbers, count: script.nextCount()), instruction))
    case 6...7:
      var seg = writer.inOrder(numbers, count: 0, flags: .ack)
      seg.ack = numbers.max.retreated(by: UInt32(script.nextCount()))
      try arrives(scripted(seg, instruction))
    case 8...14:
      try arrives(scripted(writer.anySegment(numbers, &script), instruction))
    case 15:
      let seg = writer.inOrder(numbers, count: script.nextCount(), flags: [.ack, .fin])
      try arrives(scripted(seg, instruction))
    case 16:
      // A duplicate acknowledgment.
      var seg = writer.inOrder(numbers, count: 0, flags: .ack)
      seg.ack = numbers.una
      try arrives(scripted(seg, instruction))
    case 17:
      // Text behind a hole, or before the window.
      var seg = writer.inOrder(numbers, count: script.nextCount())
      seg.seq = seg.seq.moved(by: script.nextDistance())
      try arrives(scripted(seg, instruction))
    case 18...19: try sendText()
    case 20...21: try receiveText(script.nextCount())
    case 22: try peekText()
    case 23: try shutDown()
    case 24: try closeOrAbort()
    case 25: try changeOptions()
    case 26: try hearOfThePath()
    case 27: try wait(.milliseconds(Int64(script.nextCount())))
    case 28: try waitForDeadline()
    case 29: try waitLong()
    case 30: try pull(limit: 65_535)
    default: try look()
    }
    if instruction & 0x80 == 0 { try pull() }
  }

  private func scripted(_ seg: Segment, _ instruction: UInt8) -> ScriptedSegment {
    var scripted = ScriptedSegment(seg: seg, lies: instruction & 32 != 0)
    if instruction & 64 != 0, seg.textCount > 0 { scripted.seg.segmentSize = 500 }
    // In SYN-SENT the segment itself says where the peer's stream begins.
    let stream = embryo == nil && tcb.state == .synSent ? InboundStream(irs: seg.seq) : inbound
    scripted.text = stream.text(from: seg.textStart, count: Int(seg.textCount), lie: scripted.lies)
    return scripted
  }

  var numbers: Numbers {
    let clock = Tick(now).rawValue &+ setup.timestampOffset
    if let embryo {
      let rcvNxt = embryo.irs.advanced(by: 1)
      let sent = embryo.iss.advanced(by: 1)
      let window = min(tcb.rcv.buffer.octets, 65_535)
      return Numbers(
        una: sent, nxt: sent, max: sent, rcvNxt: rcvNxt, edge: rcvNxt.advanced(by: window),
        tsRecent: embryo.tsRecent, tsClock: clock, timestamps: embryo.options.contains(.timestamps))
    }
    if let timeWait {
      let edge = timeWait.rcvNxt.advanced(by: timeWait.window.scaled(by: timeWait.wndShift).octets)
      return Numbers(
        una: timeWait.sndNxt, nxt: timeWait.sndNxt, max: timeWait.sndNxt, rcvNxt: timeWait.rcvNxt,
        edge: edge, tsRecent: timeWait.tsRecent, tsClock: clock, timestamps: timeWait.hasTimestamps)
    }
    // In SYN-SENT nothing is known of the peer: it would begin with its ISS.
    let isFirst = tcb.state == .synSent
    return Numbers(
      una: tcb.snd.una, nxt: tcb.snd.nxt, max: tcb.snd.max, rcvNxt: isFirst ? setup.irs : tcb.rcv.nxt,
      edge: isFirst ? setup.irs : tcb.rcv.advertisedEdge, tsRecent: tcb.timestamps.recent, tsClock: clock,
      timestamps: tcb.mode.contains(.timestamps))
  }

  /// Everything goes: no chunk is left, and no octet of the budget.
  mutating func tearDown() throws(Finding) {
    if embryo == nil, tcb.state != .closed, tcb.state != .timeWait {
      try settle(tcb.abort(cold: &cold, &around, now: now))
      try expect(tcb.state == .closed, "abort ends a connection in \(tcb.state)")
    }
    var calls = 0
    while tcb.state == .closed || tcb.state == .timeWait, !cold.receive.isEmpty, calls < 1_000 {
      try receiveText(4_096)
      calls += 1
    }
    try expect(around.pool.inUse == 0, "no chunk is left in the end: \(around.pool.inUse)")
    around.pool.trim(&around.budget)
    try expect(
      around.budget.held == around.pool.heldBytes,
      "the budget is back where it was: \(around.budget.held) held, \(around.pool.heldBytes) in the pool")
  }
}

extension Segment {
  /// The sequence number of the first octet of text.
  var textStart: SequenceNumber { flags.contains(.syn) ? seq.advanced(by: 1) : seq }
}
