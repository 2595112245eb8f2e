import MartletTCP
import MartletWire

/// What must be known of a datagram besides its octets.
struct DatagramHeader: BitwiseCopyable {
  /// Octets that follow.
  var count: UInt16
  var proto: IPProtocol
  var fields = IPFields()
  /// Port of `remote`, where the protocol has ports and the octets do not hold it.
  var port: UInt16 = 0
  /// Octets in each datagram of a train (`DatagramTrain`); 0: it is one.
  var segmentSize: UInt16 = 0
  /// A reply to an echo, or an error: what it says another has chosen.
  var isAnswer = false
  /// It is a whole packet for another shard, in whose place `port` is.
  var isHandedOver = false
  /// Where it came from.
  var interface = InterfaceID(rawValue: 0)
  var local: IPAddress
  var remote: IPAddress
}

/// Datagrams in the order of their coming, headers and octets back to back in one
/// byte queue: many small ones share a chunk, and an empty queue holds nothing.
struct DatagramQueue: BitwiseCopyable {
  private var bytes = ByteQueue()
  private(set) var count: UInt32 = 0

  /// Of a first train: octets behind its header that have left, with whole datagrams.
  private(set) var firstSent: UInt16 = 0
  // Of the first datagram, or of that of a first train whose turn it is, while it leaves in fragments.
  private(set) var firstIsCut = false
  private(set) var cutSent: UInt16 = 0
  private(set) var identification: UInt32 = 0

  /// Octets of an encoded `DatagramHeader`.
  static var headerCount: Int { 44 }

  var isEmpty: Bool { count == 0 }
  /// Octets of its datagrams and what is known of them: what has a limit.
  var byteCount: Int { Int(bytes.count) }
  var chunksHeld: Int { bytes.chunksHeld }

  /// Appends a datagram of two parts. False: beyond `limit` octets, or the budget refused.
  mutating func append(
    _ header: DatagramHeader, _ front: RawSpan, _ back: RawSpan, limit: UInt32, _ pool: inout ChunkPool,
    _ budget: inout MemoryBudget
  ) -> Bool {
    let size = Self.headerCount &+ front.byteCount &+ back.byteCount
    guard size <= Int(UInt16.max) &+ Self.headerCount,
      UInt64(bytes.count) &+ UInt64(size) <= UInt64(limit)
    else { return false }
    var scratch = ScratchBytes<44>()
    scratch.fill { header.write(into: &$0) }
    let first = UInt32(truncatingIfNeeded: Self.headerCount)
    let second = first &+ UInt32(truncatingIfNeeded: front.byteCount)
    guard bytes.write(scratch.bytes, at: 0, &pool, &budget), bytes.write(front, at: first, &pool, &budget),
      bytes.write(back, at: second, &pool, &budget)
    else {
      bytes.removeOutOfOrder(&pool, &budget)
      return false
    }
    bytes.commit(UInt32(truncatingIfNeeded: size))
    count &+= 1
    return true
  }

  /// The header of the first datagram.
  func first(_ pool: borrowing ChunkPool) -> DatagramHeader? {
    guard count > 0 else { return nil }
    var scratch = ScratchBytes<44>()
    scratch.fill { raw in
      bytes.copy(at: 0, count: UInt32(truncatingIfNeeded: Self.headerCount), into: &raw, at: 0, pool)
    }
    return DatagramHeader(scratch.bytes)
  }

  /// Copies `n` octets of the first datagram from `start` on to `out` at `place`, and sums them.
  func emitFirst(
    from start: UInt16 = 0, _ n: UInt16, into out: inout MutableRawSpan, at place: Int,
    _ pool: borrowing ChunkPool
  ) -> InternetChecksum {
    let offset = UInt32(truncatingIfNeeded: Self.headerCount) &+ UInt32(start)
    return bytes.emit(at: offset, count: UInt32(n), into: &out, at: place, pool)
  }

  /// The datagram whose turn it is leaves in fragments from now on.
  mutating func beginCutting(_ identification: UInt32) {
    firstIsCut = true
    cutSent = 0
    self.identification = identification
  }

  /// So many more octets of it have left in fragments.
  mutating func advanceCut(by n: UInt16) { cutSent &+= n }

  /// A datagram of the first train has left, which had so many octets of text: it is the next one's turn.
  mutating func advanceFirst(by n: UInt16) {
    firstSent &+= n
    firstIsCut = false
    cutSent = 0
  }

  /// Copies `n` octets of the first datagram from `start` on to `out` at `place`.
  func copyFirst(
    from start: UInt16, _ n: UInt16, into out: inout MutableRawSpan, at place: Int,
    _ pool: borrowing ChunkPool
  ) {
    let offset = UInt32(truncatingIfNeeded: Self.headerCount) &+ UInt32(start)
    bytes.copy(at: offset, count: UInt32(n), into: &out, at: place, pool)
  }

  /// The sum of `n` octets of the first datagram from `start` on.
  func sumFirst(from start: UInt16, _ n: UInt16, _ pool: borrowing ChunkPool) -> InternetChecksum {
    var sum = InternetChecksum()
    var done = 0
    while done < Int(n) {
      let offset = UInt32(truncatingIfNeeded: Self.headerCount &+ Int(start) &+ done)
      let count = bytes.withReadable(at: offset, pool) { piece in
        let count = min(piece.byteCount, Int(n) &- done)
        sum.add(piece.extracting(0..<count), oddOffset: done & 1 != 0)
        return count
      }
      if count == 0 { break }
      done &+= count
    }
    return sum
  }

  /// Drops the first datagram.
  mutating func removeFirst(
    _ header: DatagramHeader, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    bytes.consume(
      UInt32(truncatingIfNeeded: Self.headerCount) &+ UInt32(header.count), anchored: false, &pool, &budget)
    count &-= 1
    firstSent = 0
    firstIsCut = false
    cutSent = 0
  }

  mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    bytes.removeAll(&pool, &budget)
    count = 0
    firstSent = 0
    firstIsCut = false
    cutSent = 0
  }
}

extension DatagramHeader {
  func write(into out: inout MutableRawSpan) {
    out.store16be(count, at: 0)
    out.store16be(port, at: 2)
    out.store8(proto.rawValue, at: 4)
    out.store8(fields.hopLimit, at: 5)
    out.store8(fields.trafficClass, at: 6)
    out.store8((isAnswer ? 0x80 : 0) | (isHandedOver ? 0x40 : 0) | (local.isIPv4 ? 4 : 6), at: 7)
    local.write(into: &out, at: 8)
    remote.write(into: &out, at: 24)
    out.store16be(interface.rawValue, at: 40)
    out.store16be(segmentSize, at: 42)
  }

  init(_ bytes: RawSpan) {
    let isIPv4 = bytes.u8(7) & 0x3f == 4
    self.init(
      count: bytes.be16(0), proto: IPProtocol(bytes.u8(4)),
      fields: IPFields(hopLimit: bytes.u8(5), trafficClass: bytes.u8(6)),
      port: bytes.be16(2), segmentSize: bytes.be16(42), isAnswer: bytes.u8(7) & 0x80 != 0,
      isHandedOver: bytes.u8(7) & 0x40 != 0,
      interface: InterfaceID(rawValue: bytes.be16(40)),
      local: IPAddress(bytes, at: 8, isIPv4: isIPv4),
      remote: IPAddress(bytes, at: 24, isIPv4: isIPv4))
  }
}

extension IPAddress {
  fileprivate func write(into out: inout MutableRawSpan, at place: Int) {
    switch self {
    case .v4(let a): out.store(a, at: place)
    case .v6(let a): out.store(a, at: place)
    }
  }

  fileprivate init(_ bytes: RawSpan, at place: Int, isIPv4: Bool) {
    self = isIPv4 ? .v4(bytes.ipv4Address(place)) : .v6(bytes.ipv6Address(place))
  }
}
