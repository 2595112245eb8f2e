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

/// `Tools/explore`: explores as the arguments say, and prints how far it came and how fast.
@main
struct Explore {
  static func main() {
    guard let request = ExploreRequest(CommandLine.arguments.dropFirst()) else {
      print("explore: \(ExploreRequest.usage)")
      exit(2)
    }
    var isFine = true
    for role in request.roles {
      var bounds = request.bounds
      bounds.role = role
      isFine = explore(bounds, request) && isFine
    }
    exit(isFine ? 0 : 1)
  }

  /// True: no property failed.
  private static func explore(_ bounds: ExplorationBounds, _ request: ExploreRequest) -> Bool {
    print("\(bounds.role.name): \(bounds.text)")
    var explorer = Explorer(bounds)
    let clock = ContinuousClock()
    let start = clock.now
    var time = ExploreTime()
    var nextLine = start.advanced(by: .seconds(10))
    while explorer.explore(states: 2_000) == .going {
      let now = clock.now
      if request.seconds > 0, now - start > .seconds(request.seconds) { break }
      if now > nextLine {
        time.measure(now - start)
        progress(explorer, time)
        nextLine = now.advanced(by: .seconds(10))
      }
    }
    time.measure(clock.now - start)
    progress(explorer, time)
    switch explorer.status {
    case .complete: print("   complete: every property holds in every state")
    case .going: print("   not complete: \(explorer.waiting) states wait")
    case .violated: print("   violated:\n" + (explorer.counterexample?.text(request.style) ?? ""))
    }
    if request.showsPairs { printPairs(explorer) }
    return explorer.status != .violated
  }

  private static func progress(_ explorer: borrowing Explorer, _ time: ExploreTime) {
    print(
      "   depth \(explorer.depth): \(explorer.states) states, \(explorer.transitions) transitions,",
      "\(explorer.waiting) waiting, \(time.text(explorer.states)), \(explorer.heldBytes >> 20) MiB")
    fflush(nil)
  }

  private static func printPairs(_ explorer: borrowing Explorer) {
    for left in TCPState.allCases {
      let faces = TCPState.allCases.filter { explorer.hasSeen(left, $0) }.map { $0.name.description }
      if !faces.isEmpty { print("   \(left.name) faces \(faces.joined(separator: ", "))") }
    }
  }
}

extension ExplorationBounds {
  /// As the options of the command say it.
  var text: String {
    "capacity \(capacity), octets \(octets), timeouts \(timeouts), duplicates \(duplicates), drops \(drops), "
      + "corruptions \(corruptions), aborts \(aborts), deaf readers \(deafReaders)"
      + ", closing by \(closing.name)" + (sendsFirst ? "" : " in any order")
      + (timestamps ? "" : ", no timestamps")
      + (sack ? "" : ", no SACK")
      + (exactTimes ? ", exact times" : "")
  }
}

/// How long it took, by the clock on the wall and by the processor's: on a busy machine they differ.
struct ExploreTime {
  private let start = clock()
  private var wall = 0
  private var processor = 0

  mutating func measure(_ passed: Duration) {
    wall = Int(passed / .milliseconds(1))
    processor = Int(clock() - start) * 1_000 / Int(CLOCKS_PER_SEC)
  }

  func text(_ states: Int) -> String {
    let rate = states * 1_000 / max(processor, 1)
    return "\(seconds(wall)), \(seconds(processor)) of the processor: \(rate) states/s"
  }

  private func seconds(_ milliseconds: Int) -> String {
    "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100) s"
  }
}
