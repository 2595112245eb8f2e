import MartletStack
import MartletTCP
import MartletWire

/// Drives a whole stack by a script of octets: packets of any kind, calls of any kind, time. After every
/// step the stack checks its own invariants; what leaves must be right in every length and sum; what must
/// not be answered is not.
public func driveStack(_ input: [UInt8]) throws(Finding) {
  var driver = try StackDriver(ByteScript(input))
  try driver.open()
  while !driver.script.isAtEnd { try driver.step() }
  try driver.tearDown()
}

struct StackDriver: ~Copyable {
  var script: ByteScript
  var stack: NetworkStack
  var interface: InterfaceID
  let setup: InterfaceConfiguration
  var now = Instant(nanoseconds: 1_000_000_000)
  var listeners: [ListenerID] = []
  var connections: [ConnectionID] = []
  var sockets: [UDPSocketID] = []
  var flows: [SeenFlow] = []
  var lastSent: Octets = []
  /// What the stack has given out and not been asked about.
  var attempts: [AttemptID] = []
  /// The Fast Open cookie that the stack gave last.
  var cookie: TCPOptions?

  init(_ script: ByteScript) throws(Finding) {
    var script = script
    let limits = script.next()
    let memory = script.next()
    var configuration = StackConfiguration()
    configuration.tcp.receiveBuffer = 16_384
    configuration.tcp.sendBuffer = 16_384
    configuration.tcp.timestamps = limits & 1 == 0
    configuration.chunksPerArena = 1
    if limits & 2 != 0 { configuration.halfOpenLimit = 2 }
    if limits & 4 != 0 { configuration.timeWaitLimit = 1 }
    if limits & 8 != 0 { configuration.replyLimit = 2 }
    if limits & 16 != 0 { configuration.connectionLimit = 2 }
    if limits & 32 != 0 { configuration.datagramQueueLimit = 600 }
    if limits & 64 != 0 { configuration.resetsPerSecond = 1 }
    if limits & 128 != 0 { configuration.datagramReceiveBuffer = 100 }
    if memory & 3 == 3 { configuration.memoryBudget = 40_000 + Int(memory >> 2) * 2_048 }
    stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    setup = InterfaceConfiguration(
      mtu: 1_500, addresses: [IPPrefix(Places.own4, length: 24), IPPrefix(Places.own6, length: 64)],
      offload: memory & 12 == 12
        ? [.checksum, .segmentation, .datagramSegmentation] : memory & 12 == 8 ? .checksum : [])
    do throws(InterfaceError) {
      interface = try stack.addInterface(setup)
    } catch {
      throw Finding("an interface can be made: \(error)")
    }
    self.script = script
  }

  /// Two listeners, one of which takes early text and the other defers, and a socket; then a peer opens a connection and it is accepted.
  mutating func open() throws(Finding) {
    var deferring = ListenerOptions()
    deferring.defersAccept = true
    deferring.acceptLimit = 1
    deferring.halfOpenLimit = 2
    var early = ListenerOptions()
    early.fastOpenLimit = 2
    if let id = try? stack.listen(on: LocalEndpoint(port: 80), early) { listeners.append(id) }
    if let id = try? stack.listen(on: LocalEndpoint(address: Places.own4, port: 81), deferring) {
      listeners.append(id)
    }
    if let id = try? stack.openDatagram(on: LocalEndpoint(port: 53)) { sockets.append(id) }
    let peer = Endpoint(address: Places.peer4, port: 4_000)
    let own = Endpoint(address: Places.own4, port: 80)
    var syn = TCPHeader(sourcePort: 4_000, destinationPort: 80, seq: SequenceNumber(0xffff_fffe), flags: .syn)
    syn.window = UnscaledWindow(32_768)
    syn.options.present = [.maximumSegmentSize, .timestamps, .sackPermitted]
    syn.options.maximumSegmentSize = 1_000
    syn.options.tsval = 100
    try inject(segment(syn, [], from: peer.address, to: own.address))
    try pull()
    guard let flow = flows.last else { return }
    let ack = header(of: flow, flags: .ack)
    try inject(segment(ack, [], from: flow.remote.address, to: flow.local.address))
    try pull()
    if let id = try? stack.accept(listeners[0]) { connections.append(id) }
    try check()
  }

  /// One instruction: the low four bits say what, the fifth picks a variant, the top one leaves the pull.
  mutating func step() throws(Finding) {
    let instruction = script.next()
    let variant = instruction & 16 != 0
    switch instruction & 15 {
    case 0: try injectOctets(repair: variant)
    case 1...3: try injectSegment(inFlow: true)
    case 4: try injectSegment(inFlow: false)
    case 5: try injectDatagram()
    case 6: try injectICMP()
    case 7: try reflect()
    case 8, 9: callConnection()
    case 10: callListener()
    case 11: callSocket()
    case 12: connect()
    case 13: try wait(long: variant)
    case 14: if variant { stack = stack.copy() } else { changeInterface() }
    default: drainEvents()
    }
    try check()
    if instruction & 0x80 == 0 { try pull() }
  }

  func check() throws(Finding) {
    if let violated = stack.checkInvariants() { throw Finding("\(violated)") }
    let counters = stack.counters
    var sum: UInt64 = 0
    for reason in DropReason.allCases { sum += counters.drops(reason) }
    try expect(sum == counters.drops, "every drop has its reason")
  }

  /// Gives the stack a packet. One that must not be answered must change nothing that is to be sent.
  mutating func inject(_ bytes: Octets) throws(Finding) {
    let isAnswerable = isAnswerable(bytes)
    if !isAnswerable { try pull() }
    let before = stack.counters
    stack.receive(bytes.span.bytes, on: interface, now: now)
    let after = stack.counters
    try expect(after.inPackets == before.inPackets + 1, "every packet is counted")
    try expect(
      after.drops - before.drops <= 2, "a packet is dropped for a reason, and its answer for another")
    guard !isAnswerable else { return }
    let sent = try pull()
    try expect(sent == 0, "what nobody can have sent to us alone is not answered: \(bytes.prefix(60))")
    try expect(after.drops > before.drops || isBroadcast(bytes), "what is not taken is counted")
  }

  private func isAnswerable(_ bytes: Octets) -> Bool {
    if let view = IPv4HeaderView(validating: bytes.span.bytes) {
      return view.isChecksumValid && Places.mayAnswer(from: .v4(view.source), to: .v4(view.destination))
    }
    if let view = IPv6HeaderView(validating: bytes.span.bytes) {
      return Places.mayAnswer(from: .v6(view.source), to: .v6(view.destination))
    }
    return false
  }

  /// A datagram to everybody may reach a socket.
  private func isBroadcast(_ bytes: Octets) -> Bool {
    guard let view = IPv4HeaderView(validating: bytes.span.bytes) else { return false }
    return view.destination.isBroadcast || view.destination.bits & 0xff == 0xff
      || view.destination.bits & 0xff == 0
  }

  /// Takes everything that waits, and returns how much it was.
  @discardableResult
  mutating func pull() throws(Finding) -> Int {
    var count = 0
    while true {
      var buffer = Octets(repeating: 0xA5, count: setup.offload.contains(.segmentation) ? 65_535 : 2_048)
      guard let out = nextPacket(&buffer) else { break }
      count += 1
      try expect(count < 2_000, "pulling ends")
      lastSent = try completed(Octets(buffer[..<out.count]), out.metadata)
      let sent = try SentPacket(lastSent)
      try sent.checkAddresses()
      note(sent)
    }
    try check()
    return count
  }

  private mutating func nextPacket(_ buffer: inout Octets) -> OutgoingPacket? {
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    return stack.nextPacket(on: interface, into: &out, now: now)
  }

  /// Does the device's part of the checksum, as its metadata says.
  private func completed(_ bytes: Octets, _ metadata: PacketMetadata) throws(Finding) -> Octets {
    guard case .partial(let start, let offset) = metadata.checksum else {
      try expect(metadata.segmentSize == 0, "a device that cuts segments sums them too")
      return bytes
    }
    try expect(setup.offload.contains(.checksum), "a sum is left to a device that can make it")
    var sum = InternetChecksum()
    sum.add(bytes.span.bytes.extracting(Int(start)..<bytes.count))
    return replacing(bytes, sum.field, at: Int(start) + Int(offset))
  }

  private mutating func note(_ sent: SentPacket) {
    guard let tcp = sent.tcp, !tcp.flags.contains(.rst) else { return }
    if tcp.flags.contains([.syn, .ack]), tcp.options.fastOpenCookieCount > 0 { cookie = tcp.options }
    let length = UInt32(sent.textCount) &+ tcp.flags.sequenceLength
    let flow = SeenFlow(
      local: Endpoint(address: sent.source, port: tcp.sourcePort),
      remote: Endpoint(address: sent.destination, port: tcp.destinationPort),
      next: tcp.seq.advanced(by: length), ack: tcp.ack,
      timestamps: tcp.options.present.contains(.timestamps) ? (tcp.options.tsval, tcp.options.tsecr) : nil)
    flows.removeAll { $0.local == flow.local && $0.remote == flow.remote }
    flows.append(flow)
    if flows.count > 8 { flows.removeFirst() }
  }

  /// Everybody lets go, time passes, and nothing is left.
  mutating func tearDown() throws(Finding) {
    drainEvents()
    for id in listeners { try? stack.close(id, now: now) }
    for id in connections { try? stack.abort(id, now: now) }
    for id in sockets { try? stack.close(id) }
    for _ in 0..<300 {
      try pull()
      drainEvents()
      guard let deadline = stack.nextDeadline(now: now) else { break }
      now = max(now, deadline)
      stack.advance(to: now)
      try check()
    }
    let held = stack.held
    try expect(
      held.isQuiet && held.listeners == 0 && held.datagramSockets == 0, "nothing is left in the end: \(held)")
  }
}
