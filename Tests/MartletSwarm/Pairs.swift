import MartletSimulator

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `Tools/swarm --pairs`: plays pairs of runs that differ in a secret, and prints the first difference of each pair
/// that has one.
struct Pairs {
  private let request: SwarmRequest
  private var played = 0
  private var differing = 0
  private var seen = 0
  private var toVictim = 0
  private let start = clock()

  init(_ request: SwarmRequest) { self.request = request }

  /// True: nothing differed.
  mutating func run() -> Bool {
    let wall = ContinuousClock()
    let begin = wall.now
    var nextLine = begin.advanced(by: .seconds(10))
    var seed = request.only ?? request.first
    let count = request.only == nil ? request.count : 1
    while count == 0 || seed - (request.only ?? request.first) < count {
      let now = wall.now
      if request.seconds > 0, now - begin > .seconds(request.seconds) { break }
      if now > nextLine {
        print("   \(text(now - begin))")
        fflush(nil)
        nextLine = now.advanced(by: .seconds(10))
      }
      play(seed)
      if differing >= request.mostFailures { break }
      seed += request.step
    }
    print("   pairs \(request.only ?? request.first) to \(seed): \(text(wall.now - begin))")
    return differing == 0
  }

  private mutating func play(_ seed: UInt64) {
    var pair = InterferencePair(seed: seed)
    pair.leak = request.leak
    let verdict = pair.played()
    played += 1
    seen += verdict.seen
    toVictim += verdict.toVictim
    guard let difference = verdict.difference else { return }
    differing += 1
    print("pair \(seed) differs, by \(pair.secret.text): \(difference.text)")
    print("  again: Tools/swarm --pairs --seed \(seed)")
    fflush(nil)
  }

  private func text(_ wall: Duration) -> String {
    let processor = max(Int(clock() - start) * 1_000 / Int(CLOCKS_PER_SEC), 1)
    return """
      \(played) pairs, \(differing) differ, \(seen) packets seen and \(toVictim) not; \
      \(Int(wall / .seconds(1))) s, \(processor / 1_000) s of the processor: \(played * 1_000 / processor) pairs/s
      """
  }
}
