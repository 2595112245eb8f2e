import MartletTCP

extension TimeAmount {
  /// As `ping` and `traceroute` are told times: seconds where nothing else is said, `0.2`, `200ms`.
  package init(seconds text: String) throws(SpecificationError) {
    let isBare = text.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    try self.init(parsing: isBare ? text + "s" : text)
  }

  /// Milliseconds with three digits behind the point.
  package var millisecondsText: String {
    let microseconds = (max(nanoseconds, 0) + 500) / 1_000
    let fraction = String(microseconds % 1_000)
    return "\(microseconds / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  /// Milliseconds with three digits that mean something, or all before the point.
  package var shortMillisecondsText: String {
    let text = millisecondsText
    let dropped =
      nanoseconds >= 100_000_000 ? 4 : nanoseconds >= 10_000_000 ? 2 : nanoseconds >= 1_000_000 ? 1 : 0
    return String(text.dropLast(dropped))
  }
}
