import Foundation
import MartletSimulator
import MartletTCP
import MartletTrace
import Testing

/// The scenarios of the textbooks, by the real stack.
@Suite("Scenarios")
struct ScenarioTests {
  @Test(
    "S7.1 S7.2 S7.3 its ladder is the reviewed one, reasons and all",
    arguments: TextbookScenario.all.map(\.name))
  func goldenLadder(name: String) throws {
    let scenario = try #require(TextbookScenario.named(name))
    let drawn = ScenarioRun(scenario).ladder.text(LadderStyle(columns: 116))
    let file = golden.appending(path: name + ".txt")
    if ProcessInfo.processInfo.environment["MARTLET_WRITE_LADDERS"] != nil {
      try Data(drawn.utf8).write(to: file)
    }
    let reviewed = try String(contentsOf: file, encoding: .utf8)
    #expect(
      drawn == reviewed,
      "If the change is meant, MARTLET_WRITE_LADDERS=1 writes \(name).txt anew: look at it.")
  }

  @Test("S7.1 each reviewed ladder belongs to a scenario")
  func noStrangers() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: golden.path)
    #expect(Set(files) == Set(TextbookScenario.all.map { $0.name + ".txt" }))
  }

  @Test(
    "S7.1 what segments show and what both ends say of themselves agree",
    arguments: TextbookScenario.all.map(\.name))
  func inferenceAgrees(name: String) throws {
    let scenario = try #require(TextbookScenario.named(name))
    // Nobody can tell from segments alone when a host has crashed, or that it was never there.
    let isVisible = scenario.happenings.allSatisfy { happening in
      if case .crash = happening.kind { false } else { true }
    }
    guard isVisible else { return }
    let hidden = ScenarioRun(scenario).ladder.mismatches().filter { mismatch in
      switch (mismatch.inferred, mismatch.known) {
      // A FIN that waits behind text has not been seen yet.
      case (.established, .finWait1), (.closeWait, .lastAck): false
      // A SYN that finds no place, or whose answer is a cookie, leaves no record.
      case (.synReceived, .listen): !name.hasPrefix("syn-flood")
      // What a cookie opened is kept for 2 MSL at either end.
      case (.closed, .timeWait): name != "syn-flood-cookies"
      default: true
      }
    }
    #expect(hidden == [])
  }

  @Test("S4.10 together they show all eleven states")
  func allStates() {
    var seen: Set<UInt8> = []
    for scenario in TextbookScenario.all {
      for moment in ScenarioRun(scenario).moments {
        seen.insert(moment.left.state.rawValue)
        seen.insert(moment.right.state.rawValue)
      }
    }
    #expect(seen == Set(TCPState.allCases.map(\.rawValue)))
  }

  @Test("S7.2 the same scenario, seed and faults give the same octets; another seed other numbers")
  func deterministic() throws {
    let scenario = try #require(TextbookScenario.named("close"))
    let first = ScenarioRun(scenario, faults: [.drop(4), .delay(6, .seconds(1))])
    let second = ScenarioRun(scenario, faults: [.drop(4), .delay(6, .seconds(1))])
    let third = ScenarioRun(scenario, faults: [.drop(4), .delay(6, .seconds(1))], seed: 2)
    #expect(first.capture == second.capture)
    #expect(first.ladder == second.ladder)
    #expect(first.capture != third.capture)
    // Relative numbers are what a reader sees, and they are the same.
    let style = LadderStyle(columns: 100, notes: .none)
    #expect(first.ladder.text(style) == third.ladder.text(style))
  }

  @Test("S7.2 whatever befalls one segment of a close, both ends come to its end", arguments: 1...9)
  func anyOneFault(segment: Int) throws {
    let scenario = try #require(TextbookScenario.named("close"))
    let faults: [SegmentFault] = [
      .drop(segment), .delay(segment, .seconds(1)), .duplicate(segment, after: .milliseconds(30)),
      .corrupt(segment),
    ]
    for fault in faults {
      for overIPv6 in [false, true] {
        let run = ScenarioRun(scenario, faults: [fault], overIPv6: overIPv6)
        let last = try #require(run.moments.last)
        #expect(last.left.state == .closed, "\(fault)")
        #expect(last.right.state == .listen, "\(fault)")
        let told = run.ladder.notes.compactMap { note in
          if case .event(.isTold(let reason)) = note.happening { reason } else { nil }
        }
        #expect(told == [], "\(fault)")
      }
    }
  }

  @Test("S7.2 a lost segment is drawn as lost, a damaged one too, and a copy as a copy")
  func faultsAreDrawn() throws {
    let scenario = try #require(TextbookScenario.named("close"))
    let lost = ScenarioRun(scenario, faults: [.drop(2)]).ladder.observations
    #expect(lost.first { $0.number == 2 }?.isLost == true)
    let damaged = ScenarioRun(scenario, faults: [.corrupt(2)]).ladder.observations
    #expect(damaged.first { $0.number == 2 }?.isLost == true)
    let doubled = ScenarioRun(scenario, faults: [.duplicate(2, after: .milliseconds(1))]).ladder.observations
    #expect(doubled.count { $0.number == 2 } == 2)
    #expect(doubled.count { $0.isCopy } == 1)
    let late = ScenarioRun(scenario, faults: [.delay(2, .milliseconds(500))]).ladder.observations
    let second = try #require(late.first { $0.number == 2 })
    let arrival = try #require(second.arrival)
    #expect(arrival.since(second.time) >= .milliseconds(500))
  }

  @Test("S7.3 every question has its answer, in two languages", arguments: TextbookScenario.all.map(\.name))
  func twoLanguages(name: String) throws {
    let scenario = try #require(TextbookScenario.named(name))
    for text in [scenario.title, scenario.question, scenario.answer] {
      #expect(!text.english.isEmpty)
      #expect(text.chinese.unicodeScalars.contains { $0.properties.isIdeographic })
    }
    let ladder = ScenarioRun(scenario).ladder
    let drawn = ladder.text(LadderStyle(columns: 100, language: .simplifiedChinese))
    for word in ["application", "octet", "connection "] { #expect(!drawn.contains(word), "\(word)") }
  }

  private let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Ladders")
}
