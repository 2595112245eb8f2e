import MartletStack
import MartletTCP
import MartletWire
import _Volatile

// A TCP/IP host on a microcontroller: it answers pings and gives back what comes to port 7 (RFC 862), over a serial line.
// The stack is the same source as everywhere; this file and `Startup.c` are all that a board needs.

@_extern(c, "milliseconds") func milliseconds() -> UInt32
@_extern(c, "wait_for_interrupt") func waitForInterrupt()

/// The first serial port of the board (CMSDK APB UART).
struct SerialPort {
  private var data: VolatileMappedRegister<UInt32> { VolatileMappedRegister(unsafeBitPattern: 0x4000_4000) }
  private var state: VolatileMappedRegister<UInt32> { VolatileMappedRegister(unsafeBitPattern: 0x4000_4004) }
  private var control: VolatileMappedRegister<UInt32> { VolatileMappedRegister(unsafeBitPattern: 0x4000_4008) }
  private var divider: VolatileMappedRegister<UInt32> { VolatileMappedRegister(unsafeBitPattern: 0x4000_4010) }

  init() {
    divider.store(16)
    // Both directions, and an interrupt when an octet has come.
    control.store(0b1011)
  }

  func read() -> UInt8? {
    state.load() & 2 != 0 ? UInt8(truncatingIfNeeded: data.load()) : nil
  }

  func write(_ octet: UInt8) {
    while state.load() & 1 != 0 {}
    data.store(UInt32(octet))
  }
}

/// The time since the board began; its clock of 32 bits goes round in seven weeks.
struct Clock {
  private var last: UInt32 = 0
  private var sum: UInt64 = 0

  mutating func now() -> Instant {
    let now = milliseconds()
    sum &+= UInt64(now &- last)
    last = now
    return Instant(nanoseconds: sum &* 1_000_000)
  }
}

/// A connection, and what came and is not on its way back yet.
struct Conversation {
  let id: ConnectionID
  var held: [UInt8] = []
}

struct EchoHost: ~Copyable {
  private static var mtu: Int { 576 }

  private var stack: NetworkStack
  private let interface: InterfaceID
  private let port = SerialPort()
  private var clock = Clock()
  private var reader = SLIPReader()
  private var conversations: [Conversation] = []

  init() throws(InterfaceError) {
    var configuration = StackConfiguration()
    configuration.memoryBudget = 96 << 10
    // A board would draw it from its noise source.
    stack = NetworkStack(configuration: configuration, seed: StackSeed(1))
    interface = try stack.addInterface(
      InterfaceConfiguration(
        mtu: UInt16(Self.mtu), addresses: [IPPrefix(.v4(IPv4Address(10, 9, 0, 2)), length: 24)]))
    _ = try? stack.listen(on: LocalEndpoint(port: 7))
  }

  mutating func run() {
    var arrivingOctets = [UInt8](repeating: 0, count: Self.mtu)
    var leavingOctets = [UInt8](repeating: 0, count: Self.mtu)
    var lineOctets = [UInt8](repeating: 0, count: SLIP.largestFrame(of: Self.mtu))
    var arrivingSpan = arrivingOctets.mutableSpan
    var leavingSpan = leavingOctets.mutableSpan
    var lineSpan = lineOctets.mutableSpan
    var arriving = arrivingSpan.mutableBytes
    var leaving = leavingSpan.mutableBytes
    var line = lineSpan.mutableBytes
    while true {
      let now = clock.now()
      let hasHeard = listen(&arriving, now)
      if let deadline = stack.nextDeadline(now: now), deadline <= now { stack.advance(to: now) }
      while let event = stack.nextEvent() { answer(event, now) }
      let hasSpoken = speak(&leaving, &line, now)
      // The clock wakes us a millisecond later at the latest.
      if !hasHeard && !hasSpoken { waitForInterrupt() }
    }
  }

  /// Takes in what is on the line, up to the end of a packet.
  private mutating func listen(_ arriving: inout MutableRawSpan, _ now: Instant) -> Bool {
    var hasHeard = false
    while let octet = port.read() {
      hasHeard = true
      guard let count = reader.take(octet, into: &arriving) else { continue }
      stack.receive(arriving.bytes.extracting(first: count), PacketMetadata(), on: interface, now: now)
      break
    }
    return hasHeard
  }

  /// Sends everything that there is to send.
  private mutating func speak(
    _ leaving: inout MutableRawSpan, _ line: inout MutableRawSpan, _ now: Instant
  ) -> Bool {
    var hasSpoken = false
    while let packet = stack.nextPacket(on: interface, into: &leaving, now: now) {
      let count = SLIP.write(leaving.bytes.extracting(first: packet.count), into: &line)
      for i in 0..<count { port.write(line.bytes.u8(i)) }
      hasSpoken = true
    }
    return hasSpoken
  }

  private mutating func answer(_ event: StackEvent, _ now: Instant) {
    switch event {
    case .listener(let listener):
      while let id = try? stack.accept(listener) {
        conversations.append(Conversation(id: id))
        echo(conversations.count - 1, now)
      }
    case .connection(let id, _):
      if let place = conversations.firstIndex(where: { $0.id == id }) { echo(place, now) }
    default: break
    }
  }

  /// Gives back what there is, until there is no more, or no room: an event tells of either.
  private mutating func echo(_ place: Int, _ now: Instant) {
    let id = conversations[place].id
    do throws(ReceiveError) {
      while true {
        if conversations[place].held.isEmpty {
          var octets = [UInt8](repeating: 0, count: 512)
          var span = octets.mutableSpan
          var room = span.mutableBytes
          let count = try stack.receive(id, into: &room, now: now)
          guard count > 0 else { break }
          conversations[place].held = [UInt8](octets[..<count])
        }
        guard send(place, now) else { return }
      }
    } catch {
      guard error != .wouldBlock else { return }
    }
    try? stack.close(id, now: now)
    conversations.remove(at: place)
  }

  /// False: there is no room for all of it.
  private mutating func send(_ place: Int, _ now: Instant) -> Bool {
    let held = conversations[place].held
    guard let count = try? stack.send(conversations[place].id, held.span.bytes, now: now) else { return false }
    conversations[place].held.removeFirst(count)
    return conversations[place].held.isEmpty
  }
}

@_cdecl("begin")
func begin() -> Never {
  do throws(InterfaceError) {
    var host = try EchoHost()
    host.run()
    while true {}
  } catch {
    // No interface: an address that nobody can have.
    while true { waitForInterrupt() }
  }
}
