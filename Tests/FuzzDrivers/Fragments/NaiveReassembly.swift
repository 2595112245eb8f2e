/// Reassembly as anybody would write it who has all the time and memory in the world: an array with a place for each
/// octet. What the stack puts together is held against it.
struct NaiveReassembly {
  private var datagrams = Table<Name, Datagram>()

  struct Name: Equatable {
    var isIPv4: Bool
    var source: UInt8
    var identification: UInt8
  }

  struct Piece: Equatable {
    var start: Int
    var octets: Octets
    var isLast: Bool
    var end: Int { start + octets.count }
  }

  fileprivate struct Datagram {
    var octets: [UInt8?] = []
    var pieces: [Piece] = []
    var end: Int?
    var isRefused = false
    var expires: Int64
  }

  /// How many wait, those that never will be whole among them.
  var count: Int { datagrams.count }

  /// Milliseconds until a datagram is given up.
  private static func lifetime(_ name: Name) -> Int64 { name.isIPv4 ? 30_000 : 60_000 }

  /// Takes a fragment whose lengths are right. Not nil: the datagram that it completes.
  mutating func add(_ piece: Piece, of name: Name, at milliseconds: Int64) -> Octets? {
    var datagram = datagrams[name] ?? Datagram(expires: milliseconds + Self.lifetime(name))
    defer { datagrams[name] = datagram.isWhole ? nil : datagram }
    guard !datagram.isRefused, !datagram.pieces.contains(piece) else { return nil }
    if datagram.contradicts(piece) || datagram.pieces.count == 64 {
      datagram.isRefused = true
      return nil
    }
    datagram.take(piece)
    return datagram.isWhole ? datagram.octets.compactMap { $0 } : nil
  }

  mutating func advance(to milliseconds: Int64) {
    datagrams.removeAll { $0.expires <= milliseconds }
  }
}

extension NaiveReassembly.Datagram {
  /// An octet that is there already, a second end, or something beyond the end.
  func contradicts(_ piece: NaiveReassembly.Piece) -> Bool {
    if let end, piece.isLast ? piece.end != end : piece.end >= end { return true }
    if piece.isLast, octets.count > piece.end { return true }
    for place in piece.start..<piece.end where place < octets.count && octets[place] != nil { return true }
    return false
  }

  mutating func take(_ piece: NaiveReassembly.Piece) {
    while octets.count < piece.end { octets.append(nil) }
    for (i, octet) in piece.octets.enumerated() { octets[piece.start + i] = octet }
    pieces.append(piece)
    if piece.isLast { end = piece.end }
  }

  var isWhole: Bool {
    guard !isRefused, let end, octets.count == end else { return false }
    return octets.allSatisfy { $0 != nil }
  }
}
