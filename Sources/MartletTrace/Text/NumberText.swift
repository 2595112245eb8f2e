public import MartletTCP

/// Digits in groups of three: 58,400.
package func grouped(_ number: UInt64) -> String {
  let digits = String(number)
  var text = ""
  var left = digits.utf8.count
  for scalar in digits.unicodeScalars {
    text.unicodeScalars.append(scalar)
    left &-= 1
    if left > 0, left % 3 == 0 { text += "," }
  }
  return text
}

/// `value / 10^places` with exactly `places` digits after the point.
package func fixedPoint(_ value: UInt64, places: Int) -> String {
  var unit: UInt64 = 1
  for _ in 0..<places { unit &*= 10 }
  let fraction = String(value % unit)
  return String(value / unit) + "." + String(repeating: "0", count: places &- fraction.utf8.count) + fraction
}

/// Lower-case hexadecimal, with zeros before it up to `digits`.
package func hexadecimal(_ value: UInt64, digits: Int = 1) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, digits &- text.utf8.count)) + text
}

extension TimeAmount {
  /// Milliseconds with three digits, `0.041 ms`; from ten seconds on seconds with six, `63.000041 s`.
  public var text: String {
    let sign = nanoseconds < 0 ? "-" : ""
    let microseconds = (nanoseconds.magnitude &+ 500) / 1_000
    if microseconds >= 10_000_000 { return sign + fixedPoint(microseconds, places: 6) + " s" }
    return sign + fixedPoint(microseconds, places: 3) + " ms"
  }
}
