/// What the command was asked for.
struct RefereeRequest {
  static let usage = """
    [--script FILE]... [--count N] [--seed N] [--seconds N] [--at-once N] [--brief] [--all] [--uses] [--faults]
    """

  /// Files and directories of scripts; none and no count: the collection.
  var paths: [String] = []
  /// Random scripts.
  var count = 0
  var seed: UInt64 = 1
  /// 0: as long as it takes.
  var seconds = 0
  var atOnce = 500
  /// Only the steps that differ.
  var isBrief = false
  /// Every script with both answers, equal or not.
  var showsAll = false
  /// How often each explanation was used.
  var showsUses = false
  /// Plants faults in what Martlet did, and tells how many are not seen.
  var plantsFaults = false

  /// Nil: the arguments make no sense.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let option = rest.popFirst() {
      switch option {
      case "--brief": isBrief = true
      case "--all": showsAll = true
      case "--uses": showsUses = true
      case "--faults": plantsFaults = true
      default:
        guard let value = rest.popFirst(), take(option, value) else { return nil }
      }
    }
    if paths.isEmpty, count == 0, seconds == 0 { paths = [ScriptFiles.collection] }
  }

  private mutating func take(_ option: String, _ value: String) -> Bool {
    if option == "--script" {
      paths.append(value)
      return true
    }
    guard let number = Int(value), number >= 0 else { return false }
    switch option {
    case "--count": count = number
    case "--seed": seed = UInt64(number)
    case "--seconds": seconds = number
    case "--at-once": atOnce = max(1, number)
    default: return false
    }
    return true
  }
}
