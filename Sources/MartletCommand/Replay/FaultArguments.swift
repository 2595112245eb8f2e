import ArgumentParser
import MartletSimulator
import MartletTCP

/// What is to befall single segments, as it is typed: `3`, `2:1s`.
struct FaultArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("Lose the n-th segment; may be repeated.", valueName: "n"),
    transform: FaultArguments.drop)
  var drop: [SegmentFault] = []

  @Option(
    help: ArgumentHelp("Let it arrive so much later, overtaken by others: 2:1s.", valueName: "n:time"),
    transform: FaultArguments.delay)
  var delay: [SegmentFault] = []

  @Option(
    help: ArgumentHelp("Let it arrive twice, the copy so much later (1ms).", valueName: "n[:time]"),
    transform: FaultArguments.duplicate)
  var duplicate: [SegmentFault] = []

  @Option(
    help: ArgumentHelp("Damage it, so that its checksum is wrong.", valueName: "n"),
    transform: FaultArguments.corrupt)
  var corrupt: [SegmentFault] = []

  var all: [SegmentFault] { drop + delay + duplicate + corrupt }

  static func drop(_ text: String) throws -> SegmentFault { .drop(try number(text)) }

  static func corrupt(_ text: String) throws -> SegmentFault { .corrupt(try number(text)) }

  static func delay(_ text: String) throws -> SegmentFault {
    let (number, time) = try parts(text)
    guard let time else { throw ValidationError("\"\(text)\" does not say how long. Write 2:1s.") }
    return .delay(number, time)
  }

  static func duplicate(_ text: String) throws -> SegmentFault {
    let (number, time) = try parts(text)
    return .duplicate(number, after: time ?? .milliseconds(1))
  }

  private static func parts(_ text: String) throws -> (Int, TimeAmount?) {
    guard let colon = text.firstIndex(of: ":") else { return (try number(text), nil) }
    do {
      let time = try TimeAmount(parsing: String(text[text.index(after: colon)...]))
      return (try number(String(text[..<colon])), time)
    } catch let error as SpecificationError {
      throw ValidationError("\(error)")
    }
  }

  private static func number(_ text: String) throws -> Int {
    guard let number = Int(text), (1...1_000_000).contains(number) else {
      throw ValidationError(
        "\"\(text)\" is no segment's number. The first segment is 1; the ladder shows them.")
    }
    return number
  }
}
