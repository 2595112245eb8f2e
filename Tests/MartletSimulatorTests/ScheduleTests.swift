import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A slice of what `Tools/swarm` plays, and the instruments themselves.
@Suite struct ScheduleTests {
  /// Without optimisation a schedule takes sixty times as long.
  static var count: UInt64 {
    #if DEBUG
      400
    #else
      8_000
    #endif
  }

  @Test(
    "Whatever goes wrong, streams are right, come to their end once it is over, and leave nothing",
    arguments: 0..<4)
  func slice(_ part: UInt64) {
    var conversations = 0
    var completed = 0
    for seed in part * Self.count / 4..<(part + 1) * Self.count / 4 {
      let run = ScheduleRun(Schedule(seed: seed))
      conversations += run.schedule.conversations.count
      completed += run.completed
      if !run.problems.isEmpty { Issue.record("\(ScheduleStory(Schedule(seed: seed)).text())") }
    }
    // It is not by ending early that they are right.
    #expect(completed * 10 > conversations * 8, "\(completed) of \(conversations)")
  }

  // Answered probes of a shut window, and time-outs that were taken back, counted as tries: a connection that its
  // application had closed was reset after 15 to 28 s, though the path had healed.
  @Test(
    "E8 schedules in which an orphan gave up too early",
    arguments: [60_905, 102_980, 176_116, 196_049, 10_171_499, 498_040, 850_056, 917_236] as [UInt64])
  func orphanWithAnswers(seed: UInt64) {
    #expect(ScheduleRun(Schedule(seed: seed)).problems.isEmpty)
  }

  @Test("BBR's schedule in which pacing put off the next segment by 45 s comes to rest")
  func pacedFarAhead() {
    #expect(ScheduleRun(Schedule(seed: 20_866_213)).problems.isEmpty)
  }

  @Test("RFC 9293 §3.8.6 a schedule in which both windows are taken back comes to its end")
  func bothWindowsTakenBack() {
    #expect(ScheduleRun(Schedule(seed: 20_379_397)).problems.isEmpty)
  }

  @Test("S6.1 a schedule gives the same packets each time, and another seed others")
  func determinism() {
    // Each seed draws its family.
    for seed: UInt64 in [3, 44, 777] {
      let first = ScheduleRun(Schedule(seed: seed), hashes: true)
      let second = ScheduleRun(Schedule(seed: seed), hashes: true)
      #expect(first.packetHash == second.packetHash)
      #expect(first.steps == second.steps)
      #expect(ScheduleRun(Schedule(seed: seed + 1), hashes: true).packetHash != first.packetHash)
    }
  }

  @Test("Seeds try every feature and every fault")
  func variety() {
    let schedules = (0..<2_000 as Range<UInt64>).map { Schedule(seed: $0) }
    func some(_ has: (Schedule) -> Bool) -> Bool {
      schedules.contains(where: has) && !schedules.allSatisfy(has)
    }
    for wiring in Wiring.allCases { #expect(some { $0.wiring == wiring }) }
    for ending in Conversation.Ending.allCases {
      #expect(some { $0.conversations.contains { $0.ending == ending } })
    }
    for kind in PlannedForgery.Kind.allCases { #expect(some { $0.forgeries.contains { $0.kind == kind } }) }
    for algorithm in CongestionControl.allCases { #expect(some { $0.client.congestionControl == algorithm }) }
    let words = Set(schedules.flatMap { $0.faults.map { "\($0.kind)".prefix(while: { $0 != "(" }) } })
    #expect(words == ["cut", "crash", "pause", "jump", "drift", "routerOff"])
    #expect(some { $0.overIPv6 } && some { $0.opensAtOnce } && some { $0.listener.alwaysCookies })
    #expect(
      some { $0.listener.fastOpen } && some { $0.server.keepAliveIdle > 0 }
        && some { $0.client.memoryBudget > 0 })
    #expect(
      some { $0.forth.discipline != .dropTail } && some { $0.forth.burst.begins > 0 }
        && some { $0.forth.mtu > 0 })
    #expect(some { !$0.hooks.isEmpty } && some { $0.client.pacing } && some { !$0.client.timestamps })
  }

  @Test("S6.1 a capture of one schedule is this file, octet by octet, on every platform")
  func capture() {
    // Of the family that the seed draws.
    let first = ScheduleStory(Schedule(seed: 2)).capture
    #expect(first == ScheduleStory(Schedule(seed: 2)).capture)
    // It changes with whatever the stacks do; what it is then, `Tools/swarm --seed 2 --capture FILE` writes.
    #expect(first.count == 12_128)
    #expect(hash(first) == 0xa513_991e_3171_ec01)
  }

  /// Fowler, Noll and Vo's hash.
  private func hash(_ octets: [UInt8]) -> UInt64 {
    octets.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}

/// The shrinker shrunk: mistakes made on purpose are found, and what is left of the schedule says what they are.
@Suite struct ShrinkerTests {
  /// The first seed that finds a mistake, shrunk.
  private func smallest(_ mistake: PlantedMistake) throws -> Shrinker {
    for seed in 0..<200 as Range<UInt64> {
      var schedule = Schedule(seed: seed)
      schedule.mistake = mistake
      guard var shrinker = Shrinker(schedule) else { continue }
      shrinker.shrink()
      return shrinker
    }
    throw NotFound()
  }

  private struct NotFound: Error {}

  @Test("Text that is spoilt when it comes again is found; one loss and one octet show it")
  func spoiltText() throws {
    let found = try smallest(.spoilsRetransmissions)
    guard case .wrongOctet = found.problem else {
      Issue.record("\(found.problem.text)")
      return
    }
    let schedule = found.schedule
    #expect(schedule.conversations.count == 1)
    #expect(schedule.faults.isEmpty && schedule.forgeries.isEmpty)
    #expect(schedule.conversations.allSatisfy { $0.forth + $0.back <= 2 })
    #expect(schedule.client == HostFeatures())
    #expect(schedule.server == HostFeatures())
    let text = ScheduleStory(schedule).text()
    #expect(text.contains("is wrong"))
    #expect(text.contains("retransmission"))
    // Seed, conversation, and one thing that goes wrong.
    #expect(schedule.text.split(separator: "\n").count <= 5, "\(text)")
  }

  @Test("A FIN that never comes a second time is found; one lost FIN shows it")
  func swallowedFin() throws {
    let found = try smallest(.swallowsRepeatedFins)
    guard case .noProgress = found.problem else {
      Issue.record("\(found.problem.text)")
      return
    }
    #expect(found.schedule.conversations.count == 1)
    #expect(found.schedule.conversations[0].forth + found.schedule.conversations[0].back <= 2)
    let text = ScheduleStory(found.schedule).text()
    #expect(found.schedule.text.split(separator: "\n").count <= 5, "\(text)")
    #expect(text.contains("FIN"))
  }

  @Test("Of the same seed the same is left each time, and it fails when it is played again")
  func replay() throws {
    let first = try smallest(.spoilsRetransmissions)
    let second = try smallest(.spoilsRetransmissions)
    #expect(first.schedule.text == second.schedule.text)
    #expect(first.runs == second.runs)
    #expect(ScheduleRun(first.schedule).problems.contains(first.problem))
  }

  @Test("What does not fail is not shrunk")
  func sound() {
    #expect(Shrinker(Schedule(seed: 3)) == nil)
  }
}
