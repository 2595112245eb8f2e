import MartletStack
import MartletTCP
import MartletWire

/// Drives two whole stacks on one wire by a script of octets: calls on both sides, steps of virtual time, and what
/// a path does to packets. After every step both stacks check their own invariants. What either application reads
/// is a prefix of what the other wrote, and its end comes after all of it, unless somebody forged a checksum;
/// packets and timers of an instant have an end; and when the wire is whole again and both sides close, everything
/// ends, and nothing is left.
public func drivePair(_ input: [UInt8]) throws(Finding) {
  do throws(Finding) {
    var driver = try PairDriver(ByteScript(input), nil)
    try driver.run()
  } catch {
    // Once more, telling what happens: the same happens, since nothing here depends on chance.
    let story = PairStory()
    guard var again = try? PairDriver(ByteScript(input), story) else { throw error }
    try? again.run()
    throw error.told(story.lines)
  }
}

struct PairDriver: ~Copyable {
  var script: ByteScript
  let setup: PairSetup
  let ends: [PairEnd]
  var wire = PairWire()
  var now = Instant(nanoseconds: 1_000_000_000)
  /// All that was ever said, by the number that is its first octet.
  var streams: [PairStream] = []
  /// The two ends of flows whose streams nobody could tell apart.
  var mixed: [(Endpoint, Endpoint)] = []
  var buffer = Octets(repeating: 0, count: 2_048)
  private let story: PairStory?

  /// - Parameter story: where to tell what happens; nil: nobody asked.
  init(_ script: ByteScript, _ story: PairStory?) throws(Finding) {
    self.story = story
    var script = script
    let setup = PairSetup(&script)
    let places = setup.overIPv6 ? (Places.own6, Places.peer6) : (Places.own4, Places.peer4)
    ends = [
      try PairEnd(setup.ends[0], address: places.0, mtu: setup.mtu, seed: 7),
      try PairEnd(setup.ends[1], address: places.1, mtu: setup.mtu, seed: 8),
    ]
    self.setup = setup
    self.script = script
  }

  mutating func run() throws(Finding) {
    tell("\(setup)")
    for end in ends.indices { listen(end) }
    connect(0, fromChosenPort: false)
    try settle()
    while !script.isAtEnd { try step() }
    tell("the wire is whole, and both sides close")
    try heal()
    try letGo()
  }

  /// One instruction: the low four bits say what, the fifth at which end, the others how.
  private mutating func step() throws(Finding) {
    let instruction = script.next()
    let end = Int(instruction >> 4 & 1)
    let how = Int(instruction >> 5)
    switch instruction & 15 {
    case 0, 1: try send(end, how)
    case 2: try receive(end, how)
    case 3: try shut(end, how)
    case 4: connect(end, fromChosenPort: how & 1 != 0)
    case 5: serve(end, how)
    case 6: look(end, how)
    case 7, 8: try wait(.milliseconds(Int64(script.next()) << (how & 3)))
    case 9, 10: try runEvents(how * 2 + 1)
    case 11: lose(how)
    case 12: `repeat`(how)
    case 13: delay(how)
    case 14: damage(how)
    default: edit(how)
    }
    try settle()
  }

  /// What both stacks have to say goes on the wire, and both are asked whether all is well.
  mutating func settle() throws(Finding) {
    for end in ends.indices { try settle(end) }
  }

  /// The same for one, where the other has not been told anything.
  private mutating func settle(_ end: Int) throws(Finding) {
    try pull(end)
    if let violated = ends[end].stack.checkInvariants() { throw Finding("end \(end): \(violated)") }
  }

  private mutating func pull(_ end: Int) throws(Finding) {
    try drainEvents(end)
    var count = 0
    while let packet = nextPacket(end) {
      count += 1
      try expect(count < 2_000, "pulling ends")
      let octets = Octets(buffer[..<packet.count])
      try expect(packet.count <= Int(setup.mtu), "what is sent fits the MTU")
      let sent = try SentPacket(octets)
      try expect(
        sent.source == ends[end].address
          && (setup.mayForge || sent.destination == ends[1 - end].address),
        "each end sends from its address to the other: \(octets.prefix(60))")
      tell("\(end) > \(packetText(octets.span.bytes))\(wire.isCut[1 - end] ? ", cut off" : "")")
      wire.send(octets, to: 1 - end, now: now, delay: setup.delay)
    }
  }

  private mutating func nextPacket(_ end: Int) -> OutgoingPacket? {
    let end = ends[end]
    let now = now
    var elements = buffer.mutableSpan
    var out = elements.mutableBytes
    return end.stack.nextPacket(on: end.interface, into: &out, now: now)
  }

  private func drainEvents(_ end: Int) throws(Finding) {
    var count = 0
    while let event = ends[end].stack.nextEvent() {
      count += 1
      try expect(count < 2_000, "there is an end of events")
      if case .attempt(let id) = event { try? ends[end].stack.answer(id, .accept, now: now) }
    }
  }

  // MARK: Time

  /// What happens next: a packet arrives, or a timer fires. False: nothing will, or not by `limit`.
  mutating func runEvent(until limit: Instant? = nil) throws(Finding) -> Bool {
    let packet = wire.next
    var next = packet.map { wire[$0].arrival }
    for end in ends {
      guard let deadline = end.stack.nextDeadline(now: now) else { continue }
      next = min(next ?? deadline, deadline)
    }
    guard let next, limit.map({ next <= $0 }) ?? true else { return false }
    now = max(now, next)
    if let packet, wire[packet].arrival <= now {
      let arrived = wire.take(packet)
      let end = ends[arrived.to]
      tell("\(arrived.to) < \(packetText(arrived.octets.span.bytes))")
      end.stack.receive(arrived.octets.span.bytes, on: end.interface, now: now)
      try settle(arrived.to)
    } else {
      for end in ends { end.stack.advance(to: now) }
      try settle()
    }
    return true
  }

  private mutating func runEvents(_ count: Int) throws(Finding) {
    for _ in 0..<count where !(try runEvent()) { return }
  }

  private mutating func wait(_ amount: TimeAmount) throws(Finding) {
    let limit = now.advanced(by: amount)
    var count = 0
    while try runEvent(until: limit) {
      count += 1
      try expect(count < 4_000, "two seconds are over after some steps")
    }
    now = max(now, limit)
    for end in ends { end.stack.advance(to: now) }
  }

  /// A line of the story, if somebody wants to hear it.
  @inline(__always)
  func tell(_ line: @autoclosure () -> String) {
    story?.lines.append("  \(now.milliseconds) ms " + line())
  }
}

/// What has happened, line by line.
final class PairStory {
  fileprivate(set) var lines: [String] = []
}
