import MartletStack
import MartletTCP
public import MartletTrace
import MartletWire

/// A schedule told: what it is, what is wrong with it, and what crossed the link.
public struct ScheduleStory {
  public let schedule: Schedule
  public let problems: [ScheduleProblem]
  /// Of the conversation that went wrong, or of the first.
  public private(set) var ladder: Ladder
  /// The same and everything else as a capture.
  public private(set) var capture: [UInt8]

  /// Plays it once more.
  public init(_ schedule: Schedule) {
    self.schedule = schedule
    let log = StoryLog()
    let run = ScheduleRun(schedule, hashes: true) { log.note($0) }
    problems = run.problems
    let number = problems.compactMap { $0.conversation }.first ?? 0
    let ends = [run.endpoint(.client, number), run.endpoint(.server, number)]
    ladder = Ladder(
      left: TraceEndpoint(ends[0].address, ends[0].port), right: TraceEndpoint(ends[1].address, ends[1].port))
    capture = log.capture.octets
    for seen in log.seen { draw(seen) }
  }

  /// Each packet once: on the link whose conditions it meets.
  private mutating func draw(_ seen: Observation) {
    guard seen.isForged || schedule.isOnMainLink(seen.packet), ladder.observations.count < 400 else { return }
    _ = try? ladder.observe(
      seen.packet.octets.rawSpan, at: seen.packet.time, arrival: seen.arrival, isLost: seen.arrival == nil)
  }

  /// All of it, for a failure.
  public func text(_ style: LadderStyle = LadderStyle()) -> String {
    var text = problems.isEmpty ? "nothing is wrong\n" : ""
    for problem in problems { text += problem.text + "\n" }
    return text + schedule.text + "\n" + ladder.text(style)
  }
}

private final class StoryLog {
  var seen: [Observation] = []
  var capture = SimulationCapture()

  func note(_ observation: Observation) {
    seen.append(observation)
    capture.note(observation)
  }
}

extension ScheduleProblem {
  /// Which conversation it is about.
  fileprivate var conversation: Int? {
    switch self {
    case .wrongOctet(_, let number, _), .tooMuch(_, let number, _), .stillRunning(_, let number),
      .noProgress(_, let number, _):
      number
    case .setup, .invariant, .neverEnds, .leak, .timer, .counters, .packets: nil
    }
  }
}

extension Schedule {
  fileprivate func isOnMainLink(_ packet: TransitPacket) -> Bool {
    let server = Fault.Side.server.host
    switch wiring {
    case .direct: return true
    case .oneRouter, .broadcastDomain: return packet.source == server || packet.destination == server
    case .twoRouters: return !packet.source.isHost && !packet.destination.isHost
    }
  }
}
