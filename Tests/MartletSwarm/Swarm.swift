import MartletSimulator
import MartletTCP
import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `Tools/swarm`: plays schedules as the arguments say, shrinks the first few that fail, and prints how many it
/// played and how fast.
@main
struct Swarm {
  static func main() {
    guard let request = SwarmRequest(CommandLine.arguments.dropFirst()) else {
      print("swarm: \(SwarmRequest.usage)")
      exit(2)
    }
    if request.pairs {
      var pairs = Pairs(request)
      exit(pairs.run() ? 0 : 1)
    }
    if let seed = request.only {
      exit(tell(seed, request) ? 0 : 1)
    }
    exit(Self.run(request) ? 0 : 1)
  }

  /// True: nothing failed.
  private static func run(_ request: SwarmRequest) -> Bool {
    var tally = SwarmTally()
    let clock = ContinuousClock()
    let start = clock.now
    var nextLine = start.advanced(by: .seconds(10))
    var seed = request.first
    while request.count == 0 || seed - request.first < request.count {
      if tally.schedules % 64 == 0 {
        let now = clock.now
        if request.seconds > 0, now - start > .seconds(request.seconds) { break }
        if now > nextLine {
          print("   \(tally.text(now - start))")
          fflush(nil)
          nextLine = now.advanced(by: .seconds(10))
        }
      }
      let run = ScheduleRun(request.schedule(seed))
      tally.add(run)
      if !run.problems.isEmpty, !fail(run, request, &tally) { break }
      seed += request.step
    }
    print("   seeds \(request.first) to \(seed): \(tally.text(clock.now - start))")
    return tally.failures == 0
  }

  /// False: that is enough.
  private static func fail(_ run: ScheduleRun, _ request: SwarmRequest, _ tally: inout SwarmTally) -> Bool {
    tally.failures += 1
    print("seed \(run.schedule.seed) fails: \(run.problems.map(\.text).joined(separator: "; "))")
    if tally.failures <= request.shrunk {
      shrink(run.schedule, request)
      print("  replay: Tools/swarm --seed \(run.schedule.seed)")
    }
    fflush(nil)
    return tally.failures < request.mostFailures
  }

  private static func shrink(_ schedule: Schedule, _ request: SwarmRequest) {
    guard var shrinker = Shrinker(schedule) else { return print("  it does not fail again") }
    shrinker.shrink()
    print("smallest after \(shrinker.runs) runs:")
    print(ScheduleStory(shrinker.schedule).text(request.style))
  }

  /// One seed in full, shrunk if it fails. True: it does not.
  private static func tell(_ seed: UInt64, _ request: SwarmRequest) -> Bool {
    let story = ScheduleStory(request.schedule(seed))
    print(story.text(request.style))
    if let file = request.capture { write(story.capture, to: file) }
    guard !story.problems.isEmpty else { return true }
    shrink(story.schedule, request)
    return false
  }

  private static func write(_ octets: [UInt8], to path: String) {
    guard let file = fopen(path, "wb") else { return print("swarm: \(path) cannot be written") }
    fwrite(octets, 1, octets.count, file)
    fclose(file)
  }
}

/// What was played so far.
struct SwarmTally {
  private(set) var schedules: UInt64 = 0
  private var steps: UInt64 = 0
  private var packets: UInt64 = 0
  private var conversations: UInt64 = 0
  private var completed: UInt64 = 0
  var failures = 0
  private let start = clock()

  mutating func add(_ run: ScheduleRun) {
    schedules += 1
    steps += run.steps
    packets += run.packets
    conversations += UInt64(run.schedule.conversations.count)
    completed += UInt64(run.completed)
  }

  func text(_ wall: Duration) -> String {
    let processor = max(Int(clock() - start) * 1_000 / Int(CLOCKS_PER_SEC), 1)
    let rate = Int(schedules) * 1_000 / processor
    return """
      \(schedules) schedules, \(failures) failed, \(packets) packets, \(completed) of \(conversations) \
      conversations complete; \(Int(wall / .seconds(1))) s, \(processor / 1_000) s of the processor: \
      \(rate) schedules/s
      """
  }
}
