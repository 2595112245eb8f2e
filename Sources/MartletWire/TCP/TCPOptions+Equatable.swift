extension TCPOptions: Equatable {
  /// Two sets of options are equal when both carry the same ones with the same values;
  /// what is absent does not count.
  public static func == (a: TCPOptions, b: TCPOptions) -> Bool {
    guard a.present == b.present else { return false }
    if a.present.contains(.maximumSegmentSize), a.maximumSegmentSize != b.maximumSegmentSize { return false }
    if a.present.contains(.windowScale), a.windowScale != b.windowScale { return false }
    if a.present.contains(.timestamps), a.tsval != b.tsval || a.tsecr != b.tsecr { return false }
    if a.present.contains(.sack), !a.hasSameBlocks(as: b) { return false }
    if a.present.contains(.fastOpen), !a.hasSameCookie(as: b) { return false }
    return true
  }

  private func hasSameBlocks(as other: TCPOptions) -> Bool {
    guard sackCount == other.sackCount else { return false }
    for index in 0..<Int(min(sackCount, 4)) where sack[index] != other.sack[index] { return false }
    return true
  }

  private func hasSameCookie(as other: TCPOptions) -> Bool {
    guard fastOpenCookieCount == other.fastOpenCookieCount else { return false }
    for index in 0..<cookieCount where fastOpenCookie[index] != other.fastOpenCookie[index] { return false }
    return true
  }
}
