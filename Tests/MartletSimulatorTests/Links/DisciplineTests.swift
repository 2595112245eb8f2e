import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// Queues that decide at their head, and links that take less than their interfaces say.
@Suite struct DisciplineTests {
  private var slow: LinkConditions {
    var conditions = LinkConditions(delay: .milliseconds(10))
    conditions.rate = 1_250_000
    conditions.queue = 400_000
    return conditions
  }

  /// Ten megabytes through one queue; the longest time anybody waited in the second half, in milliseconds.
  private func longestWait(
    _ conditions: LinkConditions, _ configuration: StackConfiguration = StackConfiguration()
  ) throws -> (wait: Int64, counts: LinkCounts, resent: UInt64) {
    let world = Simulation(seed: 5)
    let client = world.addHost(configuration)
    let server = world.addHost(configuration)
    let link = try world.join(client, server, conditions, back: LinkConditions(delay: .milliseconds(10)))
    final class Log { var waits: [Int64] = [] }
    let log = Log()
    world.tap = { seen in
      guard seen.packet.source == client, let arrival = seen.arrival else { return }
      log.waits.append(arrival.since(seen.packet.time).nanoseconds / 1_000_000 - 10)
    }
    var plan = ApplicationPlan()
    plan.receives = 10_000_000
    plan.end = .closeAfterPeer
    plan.isKeyed = false
    try world[server].serve(port: 80, plan)
    plan = ApplicationPlan()
    plan.sends = 10_000_000
    plan.isKeyed = false
    try world.connect(client, to: server, port: 80, plan)
    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world[server].applications.first?.received == 10_000_000)
    let half = log.waits.dropFirst(log.waits.count / 2)
    return (half.max() ?? 0, world.counts(link).forth, world[client].stack.counters.tcp.retransSegs)
  }

  @Test("RFC 8289 CoDel keeps a queue short that drop-tail lets fill")
  func controlledDelay() throws {
    let full = try longestWait(slow)
    #expect(full.wait > 250)
    var conditions = slow
    conditions.discipline = .coDel()
    let short = try longestWait(conditions)
    #expect(short.wait < 60, "\(short.wait) ms")
    #expect(short.counts.droppedByQueue > 5)
    #expect(short.counts.droppedByQueue < 200)
  }

  @Test("RFC 8289 CoDel marks what speaks ECN, and drops none of it")
  func marking() throws {
    var conditions = slow
    conditions.discipline = .coDel(marks: true)
    var configuration = StackConfiguration()
    configuration.tcp.ecn = .on
    let run = try longestWait(conditions, configuration)
    #expect(run.wait < 60, "\(run.wait) ms")
    #expect(run.counts.marked > 5)
    #expect(run.counts.droppedByQueue == 0)
    #expect(run.resent < 20)
    configuration.tcp.ecn = .off
    #expect(try longestWait(conditions, configuration).counts.marked == 0)
  }

  @Test("A queue with a discipline keeps order, rate and limits")
  func order() throws {
    var conditions = slow
    conditions.discipline = .coDel()
    conditions.queuePackets = 4
    let run = try transfer(conditions)
    #expect(run.server?.received == 262_144)
    #expect(run.server?.mismatch == nil)
    #expect(run.tally.contains { $0.fate == .overflowed })
    let delivered = run.tally.filter { $0.packet.source.index == 0 && $0.fate == .delivered }
    let arrivals = delivered.compactMap(\.arrival)
    for (packet, pair) in zip(delivered.dropFirst(), zip(arrivals, arrivals.dropFirst())) {
      let time = UInt64(packet.packet.octets.count) * 800
      #expect(pair.1.nanoseconds >= pair.0.nanoseconds + time)
    }
    #expect(run.world.packetsInFlight == 0)
    #expect(run.world.hosts[1].stack.held.isQuiet)
  }

  @Test(
    "RFC 1191 §4 a hop inside the link that takes less says so, and text comes through",
    arguments: [false, true])
  func tellingHop(_ overIPv6: Bool) throws {
    var conditions = LinkConditions(delay: .milliseconds(5))
    conditions.mtu = 1_300
    let run = try transfer(conditions, overIPv6: overIPv6)
    #expect(run.server?.received == 262_144)
    let tooBig = run.tally.filter { $0.fate == .tooBig }
    #expect(tooBig.count > 0)
    #expect(tooBig.allSatisfy { $0.packet.octets.count > 1_300 })
    // The first window, and no more: the message was believed.
    #expect(tooBig.count <= 12)
    #expect(run.tally.filter { $0.fate == .delivered }.allSatisfy { $0.packet.octets.count <= 1_300 })
    #expect(run.tally.contains { $0.packet.source.index == 1 && $0.packet.header == nil })
  }

  @Test(
    "RFC 8899 §4 a black hole says nothing, and text comes through all the same", arguments: [false, true])
  func blackHole(_ overIPv6: Bool) throws {
    var conditions = LinkConditions(delay: .milliseconds(5))
    conditions.mtu = 1_300
    conditions.tellsTooBig = false
    let run = try transfer(conditions, overIPv6: overIPv6)
    #expect(run.server?.received == 262_144)
    #expect(run.tally.contains { $0.fate == .tooBig })
    #expect(run.tally.allSatisfy { $0.packet.header != nil })
  }

  @Test("S6.1 the same seed gives the same packets with all of this on", .bothFamilies)
  func determinism() throws {
    var conditions = slow
    conditions.discipline = .coDel(target: .milliseconds(2), interval: .milliseconds(20), marks: true)
    conditions.burst = BurstLoss(begins: 5_000, length: 3)
    conditions.jitter = .milliseconds(3)
    conditions.jitterShape = .pareto
    conditions.mtu = 1_400
    let hashes = try (0..<3).map { _ in try transfer(conditions, seed: 9).world.packetHash }
    #expect(Set(hashes).count == 1)
    #expect(try transfer(conditions, seed: 10).world.packetHash != hashes[0])
  }
}
