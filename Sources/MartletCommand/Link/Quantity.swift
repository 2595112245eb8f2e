import MartletTCP

/// A number with a unit, as it is typed: `20ms`, `1.5mbit`, `0.1%`.
struct Quantity {
  private let whole: Substring
  private let fraction: Substring
  let unit: String

  /// Nil: no number, or one with more digits than anybody means.
  init?(_ text: String) {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, !whole.isEmpty, whole.count <= 15 else { return nil }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard parts.count == 1 || (1...9).contains(fraction.count), !fraction.contains(".") else { return nil }
    self.whole = whole
    self.fraction = fraction
    unit = text.dropFirst(number.count).lowercased()
  }

  /// So many times `scale`, rounded down; nil when that does not fit.
  func times(_ scale: UInt64) -> UInt64? {
    guard let whole = UInt64(whole) else { return nil }
    let (product, overflow) = whole.multipliedReportingOverflow(by: scale)
    guard !overflow else { return nil }
    var rest: UInt64 = 0
    if let digits = UInt64(fraction) {
      let divisor = fraction.reduce(UInt64(1)) { power, _ in power * 10 }
      let wide = digits.multipliedFullWidth(by: scale)
      guard wide.high < divisor else { return nil }
      rest = divisor.dividingFullWidth((wide.high, wide.low)).quotient
    }
    let (sum, overflows) = product.addingReportingOverflow(rest)
    return overflows ? nil : sum
  }
}

/// A share of all packets, of 1,000,000: typed `1%` or `0.05%`.
package struct Chance: Equatable, Sendable {
  package let perMillion: UInt32

  package init(perMillion: UInt32) { self.perMillion = perMillion }

  package init(parsing text: String) throws(SpecificationError) {
    guard let quantity = Quantity(text), quantity.unit == "%", let millionths = quantity.times(10_000),
      millionths <= 1_000_000
    else { throw SpecificationError("\"\(text)\" is no share of packets. Write 1% or 0.05%.") }
    perMillion = UInt32(millionths)
  }
}

extension TimeAmount {
  /// `20ms`, `500us`, `1.5s`.
  package init(parsing text: String) throws(SpecificationError) {
    let units: [String: UInt64] = ["ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000]
    guard let quantity = Quantity(text), let unit = units[quantity.unit],
      let nanoseconds = quantity.times(unit), nanoseconds <= 3_600_000_000_000
    else { throw SpecificationError("\"\(text)\" is no time. Write 20ms, 500us or 1.5s; at most 3600s.") }
    self = .nanoseconds(Int64(nanoseconds))
  }
}

/// Bits a second that a link carries: typed `100mbit`, `1.5gbit`, or `unlimited`.
package struct BitRate: Equatable, Sendable {
  /// 0: no limit.
  package let octetsPerSecond: UInt64

  package static let unlimited = BitRate(octetsPerSecond: 0)

  package init(octetsPerSecond: UInt64) { self.octetsPerSecond = octetsPerSecond }

  package init(parsing text: String) throws(SpecificationError) {
    if text.lowercased() == "unlimited" {
      self = .unlimited
      return
    }
    let units: [String: UInt64] = ["bit": 1, "kbit": 1_000, "mbit": 1_000_000, "gbit": 1_000_000_000]
    guard let quantity = Quantity(text), let unit = units[quantity.unit], let bits = quantity.times(unit),
      (1_000...1_000_000_000_000).contains(bits)
    else {
      throw SpecificationError(
        "\"\(text)\" is no rate. Write 100mbit, 1.5gbit or 64kbit (at least 1kbit), or unlimited.")
    }
    octetsPerSecond = bits / 8
  }
}

/// How much waits in a queue: typed `100kB`, `50packets` or `1bdp`, which is the rate times the time
/// that a packet takes there and back.
package enum QueueAmount: Equatable, Sendable {
  case octets(Int)
  case packets(Int)
  /// Of the product, in thousandths.
  case delayProduct(UInt64)

  package init(parsing text: String) throws(SpecificationError) {
    let units: [String: UInt64] = [
      "b": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1 << 10, "mib": 1 << 20,
    ]
    if let quantity = Quantity(text) {
      switch quantity.unit {
      case "packets", "packet", "p":
        if let count = quantity.times(1), (1...1_000_000).contains(count) {
          self = .packets(Int(count))
          return
        }
      case "bdp":
        if let thousandths = quantity.times(1_000), (1...1_000_000).contains(thousandths) {
          self = .delayProduct(thousandths)
          return
        }
      case let unit:
        if let scale = units[unit], let count = quantity.times(scale), (1...1 << 30).contains(count) {
          self = .octets(Int(count))
          return
        }
      }
    }
    throw SpecificationError("\"\(text)\" is no length of a queue. Write 100kB, 50packets or 0.5bdp.")
  }

  /// With the product worked out: never less than ten packets, or nothing would get through.
  package func limit(rate: BitRate, roundTrip: TimeAmount, mtu: Int) -> QueueLimit {
    switch self {
    case .octets(let count): return .octets(count)
    case .packets(let count): return .packets(count)
    case .delayProduct(let thousandths):
      let nanoseconds = UInt64(clamping: roundTrip.nanoseconds)
      let wide = rate.octetsPerSecond.multipliedFullWidth(by: nanoseconds)
      let product =
        wide.high < 1_000_000_000
        ? UInt64(1_000_000_000).dividingFullWidth((wide.high, wide.low)).quotient : .max
      let (share, overflow) = product.multipliedReportingOverflow(by: thousandths)
      return .octets(max(overflow ? .max : Int(clamping: share / 1_000), 10 * mtu))
    }
  }
}

/// The same with nothing left to work out.
package enum QueueLimit: Equatable, Sendable {
  case octets(Int)
  case packets(Int)
  case none
}
