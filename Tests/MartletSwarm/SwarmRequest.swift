import MartletSimulator
import MartletTrace

/// What the command was asked for.
struct SwarmRequest {
  static let usage = """
    [--seconds N] [--from SEED] [--count N] [--every N] [--shrink N] [--failures N] [--mistake NAME]
           [--seed SEED [--capture FILE]] [--ascii] [--pairs [--leak NAME]]
    """

  var first: UInt64 = 0
  /// 0: as long as it takes.
  var count: UInt64 = 0
  /// Every n-th seed, so that several processes share them.
  var step: UInt64 = 1
  /// 0: until `count`.
  var seconds = 0
  /// So many failures are shrunk; after so many it stops.
  var shrunk = 3
  var mostFailures = 10
  /// This seed alone, told in full.
  var only: UInt64?
  var capture: String?
  var mistake = PlantedMistake.none
  var style = LadderStyle()
  /// Pairs of runs that differ in a secret, in place of schedules.
  var pairs = false
  var leak = PlantedLeak.none

  /// Nil: the arguments make no sense.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let option = rest.popFirst() {
      if option == "--ascii" {
        style.ascii = true
      } else if option == "--pairs" {
        pairs = true
      } else {
        guard let value = rest.popFirst(), take(option, value) else { return nil }
      }
    }
    if count == 0, seconds == 0 { seconds = 60 }
  }

  private mutating func take(_ option: String, _ value: String) -> Bool {
    if option == "--capture" {
      capture = value
      return true
    }
    if option == "--leak" {
      guard let named = PlantedLeak.allCases.first(where: { "\($0)" == value }) else { return false }
      leak = named
      return true
    }
    if option == "--mistake" {
      guard let named = PlantedMistake.allCases.first(where: { "\($0)" == value }) else { return false }
      mistake = named
      return true
    }
    guard let number = UInt64(value) else { return false }
    switch option {
    case "--from": first = number
    case "--count": count = number
    case "--every": step = max(number, 1)
    case "--seconds": seconds = Int(clamping: number)
    case "--shrink": shrunk = Int(clamping: number)
    case "--failures": mostFailures = Int(clamping: number)
    case "--seed": only = number
    default: return false
    }
    return true
  }

  func schedule(_ seed: UInt64) -> Schedule {
    var schedule = Schedule(seed: seed)
    schedule.mistake = mistake
    return schedule
  }
}
