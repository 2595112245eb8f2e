import MartletSimulator
import MartletStack
import MartletTCP
import MartletTrace
import Testing

/// What flight recorders say of random schedules.
@Suite struct RecordedScheduleTests {
  #if DEBUG
    private static let seeds = 0..<UInt64(60)
  #else
    private static let seeds = 0..<UInt64(600)
  #endif

  @Test(
    "Whatever happens, each record is of a known flow, and each change of state begins where the last one ended"
  )
  func chains() {
    var seen: Set<UInt16> = []
    for seed in Self.seeds {
      let run = ScheduleRun(Schedule(seed: seed), recorder: 1 << 16)
      for side in [Fault.Side.client, .server] {
        var names = FlowNames()
        var states: [UInt32: TCPState] = [:]
        run.forEachRecord(of: side) { record in
          seen.insert(record.rule.rawValue)
          let flow = names.take(record)
          switch record.rule {
          case .flowBegins: states[record.flow] = nil
          case .flowContinues: states[record.flow] = states.removeValue(forKey: record.a)
          case .flowAddress: break
          default: #expect(flow != nil, "seed \(seed), \(side): \(record)")
          }
          guard let change = KnownTransition(record, of: .left) else { return }
          if let state = states[record.flow] {
            #expect(state == change.old, "seed \(seed), \(side): \(change), \(String(describing: flow))")
          }
          states[record.flow] = change.new
        }
      }
    }
    for scenario in TextbookScenario.all {
      for note in ScenarioRun(scenario).ladder.notes {
        if case .record(let record) = note.happening { seen.insert(record.rule.rawValue) }
      }
    }
    #if !DEBUG
      // The others have tests of their own: RecordedRulesTests, RecordedDecisionTests.
      let rare: Set<Rule> = [
        .none, .ackOfUnsent, .ackMissing, .ackTooOld, .textToOrphan, .textRefused, .acceptQueueFull,
        .urgentText, .textUnread, .windowUnused,
        .sackReneged, .pathMTUDoubted, .networkError, .fastOpenAccepted, .fastOpenAnswered, .endedByStack,
      ]
      let silent = Rule.allCases.filter { !seen.contains($0.rawValue) && !rare.contains($0) }
      #expect(silent.isEmpty, "nothing notes these: \(silent)")
    #endif
  }
}
