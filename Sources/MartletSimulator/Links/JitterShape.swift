import MartletTCP

/// How delays are spread. Whole numbers only, so that every platform draws the same.
public enum JitterShape: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  /// Every delay from none to `LinkConditions.jitter` is equally likely.
  case even
  /// Around half of `jitter`, seldom near its ends: the sum of four even draws, its deviation a seventh of it.
  case normal
  /// Mostly short and sometimes very long: Pareto's law with exponent 2 (Lomax), its mean `jitter`, cut at 64
  /// times that.
  case pareto

  /// Nanoseconds to add to a delay; `width` is positive.
  func draw(_ width: Int64, _ random: inout SimulatorRandom) -> Int64 {
    switch self {
    case .even: return random.within(0...width)
    case .normal:
      var sum: Int64 = 0
      for _ in 0..<4 { sum &+= random.within(0...(width / 4)) }
      return sum
    case .pareto:
      // width · (1/√u - 1) for u from 0 to 1, with sixteen binary places.
      let root = max(squareRoot(random.next()), 1 << 26)
      let factor = (1 << 48) / root &- (1 << 16)
      let product = UInt64(width).multipliedFullWidth(by: factor)
      return Int64(clamping: product.high << 48 | product.low >> 16)
    }
  }
}

/// The largest number whose square is not above `number`, bit by bit.
func squareRoot(_ number: UInt64) -> UInt64 {
  var rest = number
  var root: UInt64 = 0
  var bit: UInt64 = 1 << 62
  while bit > number { bit >>= 2 }
  while bit != 0 {
    if rest >= root &+ bit {
      rest &-= root &+ bit
      root = root >> 1 &+ bit
    } else {
      root >>= 1
    }
    bit >>= 2
  }
  return root
}

/// `number` · `factor` / `divisor`, rounded down, the product in 128 bits; the largest number where it is more.
func scaled(_ number: UInt64, by factor: UInt64, over divisor: UInt64) -> UInt64 {
  let product = number.multipliedFullWidth(by: factor)
  if product.high == 0 { return product.low / max(divisor, 1) }
  guard product.high < divisor else { return .max }
  return divisor.dividingFullWidth(product).quotient
}
