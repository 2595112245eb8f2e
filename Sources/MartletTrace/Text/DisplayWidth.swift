/// How many columns text takes on a terminal of fixed width. East Asian wide
/// characters take two (Unicode Standard Annex #11), combining marks none, and
/// the ambiguous ones (box drawing, arrows) one, as terminals outside a CJK
/// locale and most inside one draw them.
extension Unicode.Scalar {
  /// 0, 1 or 2.
  package var columns: Int {
    switch value {
    case 0..<0x20, 0x7f..<0xa0: 0
    case 0x300...0x36f, 0x200b...0x200f, 0xfe00...0xfe0f: 0
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff: 2
    case 0xa000...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f: 2
    case 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd: 2
    default: 1
    }
  }
}

extension String {
  /// Columns on a terminal. The text must be free of escape sequences.
  package var columns: Int {
    var sum = 0
    for scalar in unicodeScalars { sum &+= scalar.columns }
    return sum
  }

  /// The text with spaces after it, `width` columns in all; cut when it is longer.
  package func padded(to width: Int) -> String {
    let fitting = clipped(to: width)
    return fitting + spaces(width &- fitting.columns)
  }

  /// The text with spaces before it, `width` columns in all; cut when it is longer.
  package func aligned(right width: Int) -> String {
    let fitting = clipped(to: width)
    return spaces(width &- fitting.columns) + fitting
  }

  /// The longest beginning that takes at most `width` columns.
  package func clipped(to width: Int) -> String {
    if columns <= width { return self }
    var kept = String.UnicodeScalarView()
    var sum = 0
    for scalar in unicodeScalars {
      sum &+= scalar.columns
      if sum > width { break }
      kept.append(scalar)
    }
    return String(kept)
  }

  /// The text without the spaces at its end.
  package var withoutTrailingSpaces: String {
    var view = unicodeScalars
    while view.last == " " { view.removeLast() }
    return String(view)
  }

  /// Equal octet by octet: a comparison that needs no Unicode tables.
  package func hasSameOctets(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

package func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
