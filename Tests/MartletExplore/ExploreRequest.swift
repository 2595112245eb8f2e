import MartletSimulator
import MartletTrace

/// What the command was asked for.
struct ExploreRequest {
  static let usage = """
    [--role passive|simultaneous|all] [--capacity N] [--octets N] [--timeouts N] [--duplicates N]
             [--drops N] [--corruptions N] [--aborts N] [--deaf N] [--closing shut|close|either] [--any-order]
             [--no-timestamps] [--no-sack]
             [--no-forgeries] [--no-fairness] [--exact-times] [--seconds N] [--waiting N]
             [--pairs] [--ascii]
    """

  var bounds = ExplorationBounds()
  var roles = ExplorationRole.allCases
  /// 0: as long as it takes.
  var seconds = 0
  var showsPairs = false
  var style = LadderStyle()

  /// Nil: the arguments make no sense.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let option = rest.popFirst() {
      guard take(option) || takeValue(option, rest.popFirst()) else { return nil }
    }
  }

  private mutating func take(_ option: String) -> Bool {
    switch option {
    case "--any-order": bounds.sendsFirst = false
    case "--no-timestamps": bounds.timestamps = false
    case "--no-sack": bounds.sack = false
    case "--no-forgeries": bounds.triesForgeries = false
    case "--no-fairness": bounds.triesFairness = false
    case "--exact-times": bounds.exactTimes = true
    case "--pairs": showsPairs = true
    case "--ascii": style.ascii = true
    default: return false
    }
    return true
  }

  private mutating func takeValue(_ option: String, _ value: String?) -> Bool {
    guard let value else { return false }
    if option == "--role" {
      roles = ExplorationRole.allCases.filter { value == "all" || value == $0.name }
      return !roles.isEmpty
    }
    if option == "--seconds" {
      seconds = Int(value) ?? -1
      return seconds >= 0
    }
    if option == "--waiting" {
      bounds.mostWaiting = Int(value) ?? -1
      return bounds.mostWaiting >= 0
    }
    if option == "--closing" {
      guard let closing = ClosingCalls.allCases.first(where: { $0.name == value }) else { return false }
      bounds.closing = closing
      return true
    }
    guard let count = UInt8(value) else { return false }
    switch option {
    case "--capacity": bounds.capacity = count
    case "--octets": bounds.octets = count
    case "--timeouts": bounds.timeouts = count
    case "--duplicates": bounds.duplicates = count
    case "--drops": bounds.drops = count
    case "--corruptions": bounds.corruptions = count
    case "--aborts": bounds.aborts = count
    case "--deaf": bounds.deafReaders = count
    default: return false
    }
    return bounds.capacity > 0 && bounds.capacity <= ExplorationBounds.mostCapacity
      && bounds.octets <= ExplorationBounds.mostOctets
  }
}
