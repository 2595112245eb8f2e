import MartletStack
public import MartletTCP
public import MartletTrace
import MartletWire

/// A scenario that was played: what crossed the link, and what both ends made of it.
public struct ScenarioRun {
  public let scenario: TextbookScenario
  public private(set) var ladder: Ladder
  /// Every packet, with what became of it, and what the ends did and decided: a pcapng file.
  public private(set) var capture: [UInt8]
  /// How things were after each thing that happened.
  public private(set) var moments: [ScenarioMoment] = []
  /// Segments that left, without those that strangers sent.
  public private(set) var segments: Int

  /// The port of the server, and of the client.
  public static var ports: (client: UInt16, server: UInt16) { (40_112, 80) }

  /// Plays it. The same scenario, seed and faults give the same run, octet by octet.
  public init(
    _ scenario: TextbookScenario, faults: [SegmentFault] = [], overIPv6: Bool = false, seed: UInt64 = 1
  ) {
    let stage = ScenarioStage(scenario, scenario.faults + faults, overIPv6: overIPv6, seed: seed)
    self.scenario = scenario
    moments = stage.play()
    ladder = stage.ladder
    capture = stage.log.capture(ladder.notes, ends: stage.ends)
    segments = stage.log.count
  }
}

/// What an end is up to at one time.
public struct ScenarioMoment: Equatable, Sendable {
  public struct End: Equatable, Sendable {
    public var state: TCPState
    /// When it wants to do something though nothing arrives: a timer, or its application.
    public var nextDeadline: Instant?
    /// It runs; false: it has crashed.
    public var isUp: Bool
  }

  public var time: Instant
  public var left: End
  public var right: End
  /// Segments on their way.
  public var inFlight: Int
}

/// The world that a scenario is played in.
private final class ScenarioStage {
  let scenario: TextbookScenario
  let log = ScenarioLog()
  var ladder: Ladder
  private let world: Simulation
  private let hosts: [HostID]
  let ends: [Endpoint]
  private var programs: [HostProgram] = []
  private var start = Instant.origin
  /// Whose the records of each end are.
  private var names = [FlowNames(), FlowNames()]
  /// Records and notes of each end that the ladder has.
  private var taken: [(records: UInt64, notes: Int, lives: Int)] = [(0, 0, 1), (0, 0, 1)]

  init(_ scenario: TextbookScenario, _ faults: [SegmentFault], overIPv6: Bool, seed: UInt64) {
    self.scenario = scenario
    world = Simulation(seed: seed)
    world.deliversBatches = false
    hosts = [world.addHost(scenario.clientConfiguration), world.addHost(scenario.serverConfiguration)]
    _ = try? world.join(hosts[0], hosts[1], scenario.conditions)
    let addresses = [
      world.address(of: hosts[0], from: hosts[1], overIPv6: overIPv6),
      world.address(of: hosts[1], from: hosts[0], overIPv6: overIPv6),
    ]
    let ports = [ScenarioRun.ports.client, ScenarioRun.ports.server]
    ends = zip(addresses, ports).map { Endpoint(address: $0 ?? .v4(.any), port: $1) }
    ladder = Ladder(
      left: TraceEndpoint(ends[0].address, ends[0].port), right: TraceEndpoint(ends[1].address, ends[1].port))
    programs = [
      HostProgram(scenario.client, port: ends[0].port, peer: ends[1], listening: scenario.listening),
      HostProgram(scenario.server, port: ends[1].port, peer: ends[0], listening: scenario.listening),
    ]
    addRules(faults)
    let log = log
    let (world, hosts) = (world, hosts)
    world.tap = { seen in
      let target = hosts.first { .host($0) == seen.packet.destination }
      log.note(seen, isHeard: target.map { world[$0].isRunning } ?? true)
    }
  }

  // MARK: Playing

  func play() -> [ScenarioMoment] {
    start = world.now
    let end = start.advanced(by: scenario.duration)
    // A server listens before its clients are there.
    for side in scenario.server.first == .listen ? [1, 0] : [0, 1] {
      world[hosts[side]].programs = [programs[side]]
      world.settle(hosts[side])
      take(side)
    }
    var happenings = scenario.happenings[...]
    if scenario.withholdsAcknowledgment { note(.withholdsAcknowledgment, .left) }
    var moments = [moment()]
    while moments.count < Self.mostMoments {
      let next = world.nextTime
      if let happening = happenings.first, next.map({ start.advanced(by: happening.after) <= $0 }) ?? true {
        happenings.removeFirst()
        world.run(until: start.advanced(by: happening.after))
        happen(happening.kind)
      } else {
        guard let next, next <= end, world.step() else { break }
      }
      for side in 0...1 { take(side) }
      moments.append(moment())
    }
    for observation in log.observations(ends) { ladder.add(observation) }
    return moments
  }

  private static var mostMoments: Int { 20_000 }

  /// What an end has noted since the last time.
  private func take(_ side: Int) {
    let host = world[hosts[side]]
    let which: Side = side == 0 ? .left : .right
    if host.lives != taken[side].lives {
      taken[side] = (0, taken[side].notes, host.lives)
      names[side] = FlowNames()
    }
    var events = programs[side].notes[min(taken[side].notes, programs[side].notes.count)...]
    taken[side].notes = programs[side].notes.count
    while let record = host.stack.record(taken[side].records) {
      while let event = events.first, event.records <= taken[side].records {
        add(event, which)
        events.removeFirst()
      }
      taken[side].records += 1
      // Decisions about strangers are of interest, their states are not.
      let isOwn = names[side].take(record) == flow(of: side)
      if isOwn || record.rule != .transition { ladder.know(record, of: which) }
    }
    for event in events { add(event, which) }
  }

  private func flow(of side: Int) -> TraceFlow {
    TraceFlow(
      local: TraceEndpoint(ends[side].address, ends[side].port),
      remote: TraceEndpoint(ends[1 - side].address, ends[1 - side].port))
  }

  private func add(_ note: HostProgram.Note, _ side: Side) {
    ladder.note(LadderNote(.event(note.event), at: side, time: note.time))
  }

  private func note(_ event: EndEvent, _ side: Side) {
    ladder.note(LadderNote(.event(event), at: side, time: world.now))
  }

  private func moment() -> ScenarioMoment {
    ScenarioMoment(time: world.now, left: end(0), right: end(1), inFlight: world.packetsInFlight)
  }

  private func end(_ side: Int) -> ScenarioMoment.End {
    let host = world[hosts[side]]
    var state = TCPState.closed
    host.stack.forEachListener { _, status in
      if status.local.port == ends[side].port { state = .listen }
    }
    var found: TCPState?
    host.stack.forEachFlow(now: world.now) { flow in
      // A record that ended stays as long as its handle is held.
      if flow.local == ends[side], flow.remote == ends[1 - side], found == nil || found == .closed {
        found = flow.state
      }
    }
    if let found, found != .closed { state = found }
    return ScenarioMoment.End(state: state, nextDeadline: host.deadline, isUp: host.isRunning)
  }

  // MARK: Faults

  private func addRules(_ faults: [SegmentFault]) {
    let log = log
    let client = NodeID.host(hosts[0])
    if scenario.withholdsAcknowledgment {
      world.rules.append(
        PacketRule(.drop) { packet in
          let isWithheld = packet.source == client && !packet.flags.contains(.syn)
          if isWithheld { log.withhold() }
          return isWithheld
        })
    }
    // Counts, and lets the rules behind it decide.
    world.rules.append(
      PacketRule(.pass) { packet in
        log.begin(packet)
        return false
      })
    for fault in faults {
      let n = fault.number
      switch fault {
      case .drop: world.rules.append(PacketRule(.drop) { _ in log.count == n })
      case .delay(_, let amount): world.rules.append(PacketRule(.delay(amount)) { _ in log.count == n })
      case .duplicate(_, let amount):
        world.rules.append(PacketRule(.duplicate(after: amount)) { _ in log.count == n })
      case .corrupt:
        log.damaged.append(n)
        // The last bit of the checksum field, whatever the segment holds.
        let edit = PacketEdit.flipBit(
          UInt16(truncatingIfNeeded: (ends[0].address.isIPv4 ? 20 : 40) * 8 + 143))
        world.rules.append(PacketRule(.edit { edit.apply(to: &$0) }) { _ in log.count == n })
      }
    }
  }

  // MARK: What happens to the world

  private func happen(_ kind: ScenarioHappening.Kind) {
    switch kind {
    case .crash(let side):
      note(.crashes, side)
      let state = end(index(side)).state
      if state != .closed { ladder.know(KnownTransition(side, state, .closed, at: world.now)) }
      world.crash(hosts[index(side)])
    case .restart(let side):
      note(.restarts, side)
      world.restart(hosts[index(side)])
      if end(index(side)).state == .listen {
        ladder.know(KnownTransition(side, .closed, .listen, at: world.now))
      }
    case .reset(let side): forgeReset(to: side, ahead: 0)
    case .guessedReset(let side): forgeReset(to: side, ahead: 1_000)
    case .oldSyn: forgeOldSyn()
    case .flood(let count): flood(count)
    }
  }

  private func index(_ side: Side) -> Int { side == .left ? 0 : 1 }

  /// Where the target expects the next octet stands in whatever it sent last.
  private func forgeReset(to side: Side, ahead: UInt32) {
    let to = index(side)
    let own = log.last(from: ends[to])
    var header = TCPHeader(
      sourcePort: ends[1 - to].port, destinationPort: ends[to].port, seq: SequenceNumber(0),
      ack: SequenceNumber(0), flags: .rst, window: UnscaledWindow(0))
    if let own, own.flags.contains(.ack) {
      header.seq = own.ack.advanced(by: ahead)
    } else if let own {
      // In SYN-SENT only the acknowledgment of the SYN shows that it is meant (RFC 9293 §3.10.7.3).
      header.flags.insert(.ack)
      header.ack = own.end
    }
    inject(header, to: to)
  }

  private func forgeOldSyn() {
    let header = TCPHeader(
      sourcePort: ends[0].port, destinationPort: ends[1].port, seq: SequenceNumber(90_000),
      ack: SequenceNumber(0), flags: .syn, window: UnscaledWindow(64_240))
    inject(header, to: 1)
  }

  private func inject(_ header: TCPHeader, to target: Int) {
    world.inject(
      ForgedPacket(to: hosts[target], header, from: ends[1 - target].address, to: ends[target].address))
  }

  private func flood(_ count: Int) {
    for n in 0..<count {
      let stranger: IPAddress =
        ends[1].address.isIPv4
        ? .v4(IPv4Address(192, 0, 2, UInt8(truncatingIfNeeded: n)))
        : .v6(IPv6Address(high: 0x2001_0db8_0000_0000, low: UInt64(n) &+ 1))
      let header = TCPHeader(
        sourcePort: UInt16(truncatingIfNeeded: 1_024 &+ n), destinationPort: ends[1].port,
        seq: SequenceNumber(UInt32(truncatingIfNeeded: n &* 65_537)), ack: SequenceNumber(0), flags: .syn,
        window: UnscaledWindow(1_024))
      world.inject(ForgedPacket(to: hosts[1], header, from: stranger, to: ends[1].address))
    }
    world.run(until: world.now)
    // What became of each of them is more than anybody reads: the count tells.
    while let record = world[hosts[1]].stack.record(taken[1].records) {
      _ = names[1].take(record)
      taken[1].records += 1
    }
    world[hosts[1]].stack.forEachListener { _, status in
      note(
        .isFlooded(
          syns: UInt64(count), halfOpen: UInt64(status.halfOpen), limit: UInt64(status.options.halfOpenLimit)),
        .right)
    }
  }
}
