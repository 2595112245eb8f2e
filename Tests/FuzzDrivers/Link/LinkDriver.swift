import MartletStack
import MartletTCP
import MartletWire

/// Drives a host on an Ethernet, which has its addresses lent and made, by a script of octets: what neighbours, routers,
/// DHCP servers and switches may say, true, false, and damaged; calls; time. After every step the stack checks its own
/// invariants; what leaves is a right frame of ours; memory has its limit, and comes back.
public func driveLink(_ input: [UInt8]) throws(Finding) {
  var driver = try LinkDriver(ByteScript(input))
  while !driver.script.isAtEnd { try driver.step() }
  try driver.tearDown()
}

struct LinkDriver: ~Copyable {
  static let hardware = MACAddress(0x02, 0, 0, 0, 0, 0xaa)

  var script: ByteScript
  var stack: NetworkStack
  var interface: InterfaceID
  let medium: Medium
  var now = Instant(nanoseconds: 1_000_000_000)
  var connections: [ConnectionID] = []
  var sockets: [UDPSocketID] = []
  /// The addresses that the stack says are its own.
  var ours: [IPAddress] = []
  /// All that were. What waits for a neighbour may have been written while they were.
  var everOurs: [IPAddress] = []
  /// What the stack asked a DHCP server last.
  var question: DHCPMessage?
  /// The addresses that it asked neighbours for, the last ones.
  var soughtAfter: [IPAddress] = []
  /// The last segment that left, to be answered.
  var lastSegment: (packet: SentPacket, to: MACAddress)?

  init(_ script: ByteScript) throws(Finding) {
    var script = script
    let kind = script.next()
    let memory = script.next()
    var configuration = StackConfiguration()
    configuration.chunksPerArena = 1
    configuration.tcp.receiveBuffer = 8_192
    configuration.tcp.sendBuffer = 8_192
    if kind & 1 != 0 { configuration.groupLimit = 3 }
    if kind & 2 != 0 { configuration.reassemblyLimit = 4_096 }
    if memory & 3 == 3 { configuration.memoryBudget = 60_000 + Int(memory >> 2) * 2_048 }
    medium = .ethernet(
      EthernetMedium(
        hardwareAddress: Self.hardware, checksAddresses: kind & 4 == 0, autoconfigures: kind & 8 == 0,
        temporaryAddresses: kind & 24 == 0 ? TemporaryAddresses() : nil,
        dhcp: kind & 32 == 0 ? DHCPConfiguration() : nil))
    var stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    stack.advance(to: now)
    do throws(InterfaceError) {
      interface = try stack.addInterface(
        InterfaceConfiguration(
          addresses: kind & 64 == 0
            ? [IPPrefix(Places.own4, length: 24), IPPrefix(Places.own6, length: 64)] : [],
          medium: medium))
    } catch {
      throw Finding("an interface can be made: \(error)")
    }
    _ = try? stack.listen(on: LocalEndpoint(port: 80))
    if let socket = try? stack.openDatagram(on: LocalEndpoint(port: 53)) { sockets.append(socket) }
    self.stack = stack
    self.script = script
  }

  /// One instruction: the low four bits say what, the others are its argument.
  mutating func step() throws(Finding) {
    let instruction = script.next()
    let argument = instruction >> 4
    switch instruction & 15 {
    case 0, 1: try injectARP(argument)
    case 2, 3: try injectNeighbour(argument)
    case 4, 5: try injectRouter(argument)
    case 6, 7: try injectDHCP(argument)
    case 8: try injectQuery(argument)
    case 9: try injectSegment(argument)
    case 10: try injectOctets()
    case 11: try call(argument)
    case 12: try wait(.milliseconds(Int64(script.next()) * 40))
    case 13: try wait(.seconds(Int64(script.next()) * (argument & 1 == 0 ? 4 : 240)))
    case 14: stack = stack.copy()
    default: drainEvents()
    }
    try check()
  }

  mutating func check() throws(Finding) {
    everOurs += stack.addresses(of: interface).filter { !everOurs.contains($0) }
    if let violated = stack.checkInvariants() { throw Finding("\(violated)") }
    try expect(stack.memory.highWater <= stack.memory.limit, "memory has its limit")
  }

  // MARK: Frames

  /// Gives the stack a frame, and takes what it says to it.
  mutating func inject(
    _ payload: Octets, _ type: EtherType, from station: MACAddress, to destination: MACAddress = hardware
  ) throws(Finding) {
    let header = octets(EthernetHeader.encodedCount) {
      EthernetHeader(destination: destination, source: station, etherType: type).write(into: &$0, at: 0)
    }
    stack.receive((header + payload).span.bytes, on: interface, now: now)
    try check()
    try pull()
  }

  mutating func pull() throws(Finding) {
    var count = 0
    while true {
      var buffer = Octets(repeating: 0xa5, count: 2_048)
      guard let out = nextPacket(&buffer) else { return }
      count += 1
      try expect(count < 2_000, "pulling ends")
      try look(at: Octets(buffer[..<out.count]))
    }
  }

  private mutating func nextPacket(_ buffer: inout Octets) -> OutgoingPacket? {
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    return stack.nextPacket(on: interface, into: &out, now: now)
  }

  mutating func seek(_ address: IPAddress) {
    soughtAfter.append(address)
    if soughtAfter.count > 8 { soughtAfter.removeFirst() }
  }

  // MARK: Time and the end

  mutating func wait(_ amount: TimeAmount) throws(Finding) {
    let end = now.advanced(by: amount)
    var turns = 0
    while let deadline = stack.nextDeadline(now: now), deadline <= end {
      turns += 1
      try expect(turns < 20_000, "time passes")
      now = max(now, deadline)
      stack.advance(to: now)
      try check()
      try pull()
    }
    now = end
    stack.advance(to: now)
    try pull()
  }

  mutating func drainEvents() {
    while let event = stack.nextEvent() {
      switch event {
      case .addressReady(let address, _): ours.append(address)
      case .addressRemoved(let address, _): ours.removeAll { $0 == address }
      case .listener(let listener):
        while let connection = try? stack.accept(listener) { connections.append(connection) }
      default: break
      }
    }
    if ours.count > 64 { ours.removeFirst(ours.count - 64) }
  }

  /// Everything is let go of, and the link with all that came by it; nothing is left.
  mutating func tearDown() throws(Finding) {
    drainEvents()
    for id in connections { try? stack.abort(id, now: now) }
    for id in sockets { try? stack.close(id) }
    try pull()
    try? stack.removeInterface(interface)
    drainEvents()
    for _ in 0..<2_000 {
      guard let deadline = stack.nextDeadline(now: now) else { break }
      now = max(now, deadline)
      stack.advance(to: now)
      drainEvents()
    }
    try check()
    let held = stack.held
    try expect(
      held.isQuiet && held.datagramSockets == 0 && held.neighbours == 0 && held.unfinishedDatagrams == 0,
      "nothing is left in the end: \(held)")
    try expect(stack.nextDeadline(now: now) == nil, "nothing is due in the end")
  }
}
