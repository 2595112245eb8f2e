import MartletTCP
import MartletWire

/// One TCB with everything it needs, driven by hand: no IP, no tables, no engine.
struct Endpoint: ~Copyable {
  var tcb: TCB
  var cold = ColdBlock()
  var around: Surroundings
  /// What the connection sent, header and text, until it is taken.
  var sent: [(plan: SegmentPlan, text: [UInt8])] = []
  var marks: Reaction = []

  init(tcb: TCB, around: consuming Surroundings) {
    self.tcb = tcb
    self.around = around
  }

  static func surroundings(_ configuration: TCPConfiguration = TCPConfiguration(), budget: Int = .max)
    -> Surroundings
  {
    Surroundings(
      configuration: configuration, pool: ChunkPool(), budget: MemoryBudget(limit: budget),
      recorder: FlightRecorder(capacity: 1_024))
  }

  /// A client in SYN-SENT.
  static func connecting(
    iss: UInt32 = 1_000, options: ConnectionOptions = ConnectionOptions(),
    configuration: TCPConfiguration = TCPConfiguration(), budget: Int = .max, now: Instant
  ) -> Endpoint {
    let around = surroundings(configuration, budget: budget)
    let tcb = TCB(
      connecting: SequenceNumber(iss), timestampOffset: 0, mss: 1_460, sendMSSLimit: 1_460,
      defaultPeerMSS: 536, options: options, around, now: now)
    return Endpoint(tcb: tcb, around: around)
  }

  mutating func arrives(_ plan: SegmentPlan, _ text: [UInt8], _ now: Instant) {
    var seg = Segment(
      seq: plan.seq, ack: plan.ack, flags: plan.flags, wnd: plan.window, up: plan.urgentPointer,
      textCount: UInt32(text.count), options: plan.options)
    seg.segmentSize = plan.segmentSize
    marks.formUnion(
      tcb.segmentArrives(seg, text: text.span.bytes, cold: &cold, &around, now: now))
    if tcb.owesAckAtOnce { pull(now) }
  }

  /// Pulls until there is nothing; returns how many segments came.
  @discardableResult
  mutating func pull(_ now: Instant) -> Int {
    var count = 0
    while count < 10_000, let plan = tcb.nextSegment(cold: &cold, &around, now: now) {
      var text = [UInt8](repeating: 0, count: Int(plan.textCount))
      var elements = text.mutableSpan
      var out = elements.mutableBytes
      cold.send.copy(at: plan.textOffset, count: plan.textCount, into: &out, at: 0, around.pool)
      sent.append((plan, text))
      count += 1
    }
    return count
  }

  mutating func fire(_ now: Instant) {
    marks.formUnion(tcb.timerFires(cold: &cold, &around, now: now))
  }

  mutating func send(_ bytes: [UInt8], _ now: Instant) throws -> Int {
    try tcb.send(bytes.span.bytes, cold: &cold, &around, now: now)
  }

  mutating func receive(_ most: Int = 65_536, _ now: Instant) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    var elements = bytes.mutableSpan
    var out = elements.mutableBytes
    let count = try tcb.receive(into: &out, cold: &cold, &around, now: now, &marks)
    return [UInt8](bytes.prefix(count))
  }
}

/// A client and a server that hand each other what they send, in virtual time.
struct EndpointPair: ~Copyable {
  var client: Endpoint
  var server: Endpoint
  var now: Instant
  /// One way, in nanoseconds of virtual time.
  var delay = TimeAmount.milliseconds(1)

  /// Opens the connection: three segments.
  init(
    clientOptions: ConnectionOptions = ConnectionOptions(),
    serverOptions: ConnectionOptions = ConnectionOptions(),
    configuration: TCPConfiguration = TCPConfiguration(), clientBudget: Int = .max
  ) {
    now = Instant(nanoseconds: 1_000_000_000)
    client = .connecting(
      options: clientOptions, configuration: configuration, budget: clientBudget, now: now)
    client.pull(now)
    let syn = client.sent.removeFirst().plan
    var around = Endpoint.surroundings(configuration)
    var embryo = EmbryonicTCB(
      Segment(seq: syn.seq, flags: syn.flags, wnd: syn.window, options: syn.options),
      iss: SequenceNumber(0xffff_fff0), defaultPeerMSS: 536, around, now: now)
    let synAck = embryo.synAck(
      mss: 1_460, timestampOffset: 77, receiveBuffer: configuration.receiveBuffer, around, now: now)
    now = now.advanced(by: delay)
    client.arrives(synAck, [], now)
    client.pull(now)
    let third = client.sent.removeFirst().plan
    let seg = Segment(
      seq: third.seq, ack: third.ack, flags: third.flags, wnd: third.window, options: third.options)
    now = now.advanced(by: delay)
    let verdict = embryo.segmentArrives(
      seg, timestampOffset: 77, receiveBuffer: configuration.receiveBuffer, &around, now: now)
    guard case .establish = verdict else { preconditionFailure("the third segment establishes") }
    let tcb = TCB(
      accepting: embryo, seg, timestampOffset: 77, mss: 1_460, sendMSSLimit: 1_460, options: serverOptions,
      configuration, now: now)
    server = Endpoint(tcb: tcb, around: around)
    server.arrives(third, [], now)
  }

  /// Delivers in turns, firing what is due, until nothing is left to send or `limit` turns are over.
  mutating func run(turns limit: Int = 1_000, drop: (Int) -> Bool = { _ in false }) {
    var segments = 0
    for _ in 0..<limit {
      client.pull(now)
      server.pull(now)
      let toServer = client.sent
      let toClient = server.sent
      client.sent = []
      server.sent = []
      now = now.advanced(by: delay)
      if toServer.isEmpty && toClient.isEmpty { return }
      for (plan, text) in toServer {
        segments += 1
        if !drop(segments) { server.arrives(plan, text, now) }
      }
      for (plan, text) in toClient {
        segments += 1
        if !drop(segments) { client.arrives(plan, text, now) }
      }
      client.fire(now)
      server.fire(now)
    }
  }

  /// Lets time pass, firing timers and delivering, in steps.
  mutating func wait(_ amount: TimeAmount, step: TimeAmount = .milliseconds(10)) {
    let end = now.advanced(by: amount)
    while now < end {
      now = now.advanced(by: step)
      client.fire(now)
      server.fire(now)
      run(turns: 100)
    }
  }
}
