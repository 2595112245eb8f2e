import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// The queue before a link's rate: its limits and its marks.
@Suite struct QueueTests {
  private var slow: LinkConditions {
    var conditions = LinkConditions(delay: .milliseconds(5))
    conditions.rate = 1_000_000
    return conditions
  }

  @Test("A queue that counts packets takes so many, whatever their size")
  func packetLimit() throws {
    var conditions = slow
    conditions.queuePackets = 4
    let run = try transfer(conditions)
    #expect(run.server?.received == 262_144)
    #expect(run.tally.contains { $0.fate == .overflowed })
    // Ten segments leave at once: the first four find room.
    let text = run.tally.filter { $0.packet.textCount > 0 }
    #expect(text.prefix(10).map { $0.fate == .delivered } == (0..<10).map { $0 < 4 })
    // A burst of a hundred would have found room in none.
    conditions.queuePackets = 1_000
    let long = try transfer(conditions)
    #expect(!long.tally.contains { $0.fate == .overflowed })
  }

  @Test("Two connections share the queue of their link")
  func shared() throws {
    let world = Simulation(seed: 4)
    let client = world.addHost()
    let server = world.addHost()
    var conditions = slow
    conditions.queue = 30_000
    let link = try world.join(client, server, conditions)
    var plan = ApplicationPlan()
    plan.receives = 1_000_000
    plan.end = .closeAfterPeer
    try world[server].serve(port: 80, plan)
    plan = ApplicationPlan()
    plan.sends = 1_000_000
    for _ in 0..<2 { try world.connect(client, to: server, port: 80, plan) }
    let begin = world.now
    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world[server].applications.map(\.received) == [1_000_000, 1_000_000])
    // Two megabytes at one a second: neither had the rate for itself.
    #expect(world.now.since(begin) > .seconds(2))
    #expect(world.counts(link).forth.overflowed > 0)
    #expect(world.counts(link).back.overflowed == 0)
  }

  @Test("Losses in a row take the packets that come next")
  func lossRuns() throws {
    var conditions = slow
    conditions.loss = 10_000
    conditions.lossRun = 4
    var runs: [Int: Int] = [:]
    for seed in 0..<20 as Range<UInt64> {
      let run = try transfer(conditions, seed: seed)
      #expect(run.server?.received == 262_144)
      var length = 0
      for one in run.tally where one.packet.source.index == 0 {
        if one.fate == .lost {
          length += 1
        } else if length > 0 {
          runs[length, default: 0] += 1
          length = 0
        }
      }
    }
    // One to four are equally likely; longer ones are two that met.
    for length in 1...4 { #expect(runs[length, default: 0] >= 5, "\(runs)") }
  }

  @Test("S6.1 the same seed gives the same packets with every condition on", .bothFamilies)
  func determinism() throws {
    var conditions = slow
    conditions.queuePackets = 8
    conditions.loss = 10_000
    conditions.lossRun = 3
    conditions.reordering = 50_000
    conditions.corruption = 10_000
    conditions.marksAbove = 5_000
    let hashes = try (0..<3).map { _ in try transfer(conditions, seed: 9).world.packetHash }
    #expect(Set(hashes).count == 1)
    #expect(try transfer(conditions, seed: 10).world.packetHash != hashes[0])
  }
}

@Suite struct CongestionMarkTests {
  /// Sends `count` datagrams with this traffic class at once and returns what arrives.
  private func marked(_ trafficClass: UInt8, overIPv6: Bool) throws -> [[UInt8]] {
    let world = Simulation(seed: 2)
    let client = world.addHost()
    let server = world.addHost()
    var conditions = LinkConditions(delay: .milliseconds(5))
    conditions.rate = 1_000_000
    conditions.marksAbove = 2_000
    try world.join(client, server, conditions)
    final class Log { var all: [[UInt8]] = [] }
    let log = Log()
    world.tap = { if $0.isMarked { log.all.append($0.packet.octets) } }
    // The stack's own packets with a class of our choice: a rule rewrites it before the queue.
    world.rules = [PacketRule(.edit { setClass(trafficClass, of: &$0) }) { $0.source == client }]
    var plan = ApplicationPlan()
    plan.receives = 100_000
    plan.end = .closeAfterPeer
    try world[server].serve(port: 80, plan)
    plan = ApplicationPlan()
    plan.sends = 100_000
    try world.connect(client, to: server, port: 80, overIPv6: overIPv6, plan)
    #expect(world.runUntilIdle(steps: 100_000))
    #expect(world[server].applications.first?.received == 100_000)
    // The header's sum was mended: nobody dropped anything for it.
    #expect(world[server].stack.counters.drops == 0)
    #expect(world.counts(LinkID(index: 0)).forth.marked == UInt64(log.all.count))
    return log.all
  }

  @Test("RFC 3168 §5 a packet that says ECT is marked CE behind a long queue", arguments: [false, true])
  func capable(_ overIPv6: Bool) throws {
    for codepoint: UInt8 in [1, 2, 3] {
      #expect(try marked(0xb8 | codepoint, overIPv6: overIPv6).count > 10)
    }
  }

  @Test("RFC 3168 §5 a packet without ECT is never marked", arguments: [false, true])
  func incapable(_ overIPv6: Bool) throws {
    #expect(try marked(0xb8, overIPv6: overIPv6).isEmpty)
  }
}

/// Sets DSCP and ECN, and the sum of an IPv4 header anew.
private func setClass(_ trafficClass: UInt8, of packet: inout [UInt8]) {
  if packet[0] >> 4 == 6 {
    packet[0] = 0x60 | trafficClass >> 4
    packet[1] = packet[1] & 0x0f | trafficClass << 4
    return
  }
  packet[1] = trafficClass
  (packet[10], packet[11]) = (0, 0)
  var sum: UInt32 = 0
  for at in stride(from: 0, to: 20, by: 2) { sum += UInt32(packet[at]) << 8 | UInt32(packet[at + 1]) }
  while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
  packet[10] = UInt8(truncatingIfNeeded: ~sum >> 8)
  packet[11] = UInt8(truncatingIfNeeded: ~sum)
}
