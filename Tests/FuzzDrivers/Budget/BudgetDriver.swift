import MartletStack
import MartletTCP
import MartletWire

/// Drives a stack with a memory budget, from 64 KiB to 64 MiB, by a script that does its worst: floods,
/// holes, shut windows, single octets, an application that does not read. After every step what is charged
/// is counted anew from what is there, and is within the budget; nothing that was acknowledged or named in
/// a SACK block is given up but with its whole connection; and an honest client is served.
public func driveBudget(_ input: [UInt8]) throws(Finding) {
  var driver = try BudgetDriver(ByteScript(input))
  try driver.open()
  var steps = 0
  while !driver.script.isAtEnd, steps < 200 {
    try driver.step()
    try driver.check()
    steps += 1
  }
  for service in Service.allCases { try driver.serveHonestClient(of: service) }
  try driver.tearDown()
}

struct BudgetDriver: ~Copyable {
  var script: ByteScript
  var stack: NetworkStack
  var interface: InterfaceID
  /// A second one, sometimes.
  var ethernet: InterfaceID?
  var now = Instant(nanoseconds: 1_000_000_000)
  /// One of each kind, from `Adversary.ports` on.
  var listeners: [ListenerID] = []
  /// Fast Open cookies by the address that they were given to.
  var cookies = Table<IPAddress, Octets>()
  var socket: UDPSocketID?
  /// By the port they come from, less 2,000.
  var adversaries: [Adversary] = []
  var outbound: [ConnectionID] = []
  /// Attempts that the application has not made up its mind about.
  var undecided: [AttemptID] = []
  /// It does not let everybody in at once.
  var isFickle = true
  /// Packets stay where they are: the device is slow.
  var withholds = false
  /// The stack had news and news, without end.
  var isEndless = false
  var buffer = Octets(repeating: 0, count: 2_048)
  let budget: Int

  static var most: Int { 600 }

  init(_ script: ByteScript) throws(Finding) {
    var script = script
    let size = script.next()
    var configuration = StackConfiguration()
    budget = 64 << (10 + Int(size) % 11)
    configuration.memoryBudget = budget
    if size & 128 != 0 { configuration.connectionsPerSource = 4 }
    if size & 64 != 0 { configuration.recorderCapacity = 1_000 }
    stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    do throws(InterfaceError) {
      interface = try stack.addInterface(
        InterfaceConfiguration(
          mtu: 1_500, addresses: [IPPrefix(Places.own4, length: 24), IPPrefix(Places.own6, length: 48)]))
    } catch {
      throw Finding("an interface can be made: \(error)")
    }
    if size & 32 != 0 { ethernet = try? stack.addInterface(Self.ethernet) }
    self.script = script
  }

  mutating func open() throws(Finding) {
    for service in Service.allCases {
      guard let listener = try? stack.listen(on: LocalEndpoint(port: service.port), service.options) else {
        throw Finding("four listeners fit the smallest budget")
      }
      listeners.append(listener)
    }
    socket = try? stack.openDatagram(on: LocalEndpoint(port: 53))
    try expect(socket != nil, "and so does a socket")
    try check()
  }

  mutating func step() throws(Finding) {
    let what = script.next()
    let argument = Int(script.next())
    let service = Service(what >> 4)
    switch what & 15 {
    case 0: try openConnections(argument & 63, to: service)
    case 1: try floodSYNs(argument, to: service)
    case 2: try sendText(from: argument >> 5, segments: argument & 31, size: 1_400)
    case 3: try sendText(from: argument >> 5, segments: argument & 31, size: 1)
    case 4: try sendShuffled(from: argument >> 5, argument & 31)
    case 5: for n in adversaries.indices { try sendText(from: n, segments: 1 + argument >> 6, size: 1_400) }
    case 6: for n in adversaries.indices { try sendShuffled(from: n, 1 + argument >> 6) }
    case 7 where argument & 6 == 6: try takeOctets()
    case 7: try acknowledge(opening: argument & 1 == 0)
    case 8: for n in adversaries.indices { write(argument << 8, to: n) }
    case 9: write(argument << 10, to: argument >> 4)
    case 10: for n in adversaries.indices where argument & 1 == 0 || n == argument { try read(from: n) }
    case 11: close(argument)
    case 12: try wait(argument)
    case 13 where what & 64 != 0: try frames(argument)
    case 13: try datagrams(argument)
    case 14: try sendOut(argument)
    default: try serveHonestClient(of: service)
    }
    try pull()
    drainEvents()
  }

  /// What is charged is what is there, and within the budget, now and at its highest.
  mutating func check() throws(Finding) {
    if let violated = stack.checkInvariants() { throw Finding("\(violated)") }
    if isEndless { throw Finding("there is an end of events") }
    let use = stack.memoryUse()
    try expect(use.total == stack.memory.held, "the lines add up: \(use), \(stack.memory)")
    try expect(stack.memory.highWater <= budget, "never above the budget: \(stack.memory)")
    var own = 0
    stack.forEachFlow(now: now) { own += $0.memory }
    // Records are charged by the page, timers and tables at their fill: within reason it is the same.
    try expect(own <= use.total + 65_536, "connections are not charged more than all: \(own), \(use.total)")
  }

  mutating func inject(_ bytes: Octets) throws(Finding) {
    stack.receive(bytes.span.bytes, on: interface, now: now)
    if !withholds { try pull() }
  }

  mutating func pull() throws(Finding) {
    guard !withholds else { return }
    var count = 0
    // Lent out, since the stack beside it is changed meanwhile.
    var buffer = Octets()
    swap(&buffer, &self.buffer)
    defer { swap(&buffer, &self.buffer) }
    try pullFrames(&buffer)
    while let out = nextPacket(&buffer) {
      count += 1
      try expect(count < 100_000, "pulling ends")
      let bytes = Octets(buffer[..<out.count])
      try deliver(bytes)
    }
  }

  private mutating func nextPacket(_ buffer: inout Octets) -> OutgoingPacket? {
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    return stack.nextPacket(on: interface, into: &out, now: now)
  }

  private mutating func deliver(_ bytes: Octets) throws(Finding) {
    if let ip = IPv4HeaderView(validating: bytes.span.bytes) {
      guard ip.proto == .tcp, let tcp = TCPHeaderView(validating: ip.payload) else { return }
      try deliver(tcp.header(), textCount: tcp.textCount)
    } else if let ip = IPv6HeaderView(validating: bytes.span.bytes) {
      guard ip.nextHeader == .tcp, let tcp = TCPHeaderView(validating: ip.payload) else { return }
      try deliver(tcp.header(), textCount: tcp.textCount)
    }
  }

  private mutating func deliver(_ header: TCPHeader, textCount: Int) throws(Finding) {
    let n = Int(header.destinationPort) - 2_000
    guard adversaries.indices.contains(n), header.sourcePort == adversaries[n].port else { return }
    try adversaries[n].take(header, textCount: textCount)
    let count = Int(header.options.fastOpenCookieCount)
    guard header.flags.contains(.syn), header.options.present.contains(.fastOpen), count > 0 else { return }
    cookies[adversaries[n].own.address] = Octets((0..<count).map { header.options.fastOpenCookie[$0] })
  }

  mutating func advance(to time: Instant) throws(Finding) {
    now = max(now, time)
    stack.advance(to: now)
    try pull()
    drainEvents()
  }

  /// The application: takes who comes, and lets go of what has ended.
  mutating func drainEvents() {
    var count = 0
    while let event = stack.nextEvent() {
      count += 1
      if count == 100_000 {
        isEndless = true
        break
      }
      if case .attempt(let attempt) = event { answer(attempt) }
      guard case .connection(let id, let news) = event else { continue }
      if news.contains(.writable), let n = adversaries.firstIndex(where: { $0.connection == id }) {
        writeRest(to: n)
      }
      guard news.contains(.ended) else { continue }
      try? stack.close(id, now: now)
      for n in adversaries.indices where adversaries[n].connection == id { adversaries[n].connection = nil }
      outbound.removeAll { $0 == id }
    }
    for listener in listeners {
      while let id = try? stack.accept(listener) {
        guard let remote = try? stack.status(id, now: now).remote else { continue }
        let n = Int(remote.port) - 2_000
        if adversaries.indices.contains(n) { adversaries[n].connection = id }
      }
    }
  }

  /// Some who want to connect have to wait for an answer, and some are turned away.
  private mutating func answer(_ attempt: AttemptID) {
    let whim = isFickle ? script.next() : 0
    switch whim & 15 {
    case 0...7: try? stack.answer(attempt, .accept, now: now)
    case 8...13: undecided.append(attempt)
    default: try? stack.answer(attempt, whim & 16 == 0 ? .reset : .unreachable, now: now)
    }
  }

  /// Whoever still waits is let in; some have gone.
  mutating func decide() {
    for attempt in undecided { try? stack.answer(attempt, .accept, now: now) }
    undecided = []
  }

  /// Everybody goes; nothing is left but what was there in the beginning.
  mutating func tearDown() throws(Finding) {
    withholds = false
    try pull()
    drainEvents()
    for adversary in adversaries { if let id = adversary.connection { try? stack.abort(id, now: now) } }
    for id in outbound { try? stack.abort(id, now: now) }
    for listener in listeners { try? stack.close(listener, now: now) }
    if let socket { try? stack.close(socket) }
    for _ in 0..<400 {
      try pull()
      drainEvents()
      guard let deadline = stack.nextDeadline(now: now) else { break }
      try advance(to: deadline)
    }
    try check()
    try expect(stack.held.isQuiet, "nothing is left: \(stack.held)")
  }
}
