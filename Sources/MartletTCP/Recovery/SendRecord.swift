import MartletWire

/// What left in one stretch, and when (RFC 8985 §4): all that loss detection and
/// rate measurement need to know of it. 32 octets.
///
/// What was pulled at one time is one record, however many segments a device cuts
/// it into, and so is what follows within 1/256 of the round trip: a round trip has
/// at most 256 records, whatever its bandwidth, and a time is off by at most 0.4 %.
@frozen
package struct SendRecord: BitwiseCopyable, Sendable {
  package var range: SequenceRange
  /// When it was sent, in microseconds modulo 2^32 like every time here.
  package var sentAt: UInt32
  /// When the segment was sent whose delivery was newest at that time (P.first_sent_time) …
  package var firstSentAt: UInt32
  /// … and when it was delivered (P.delivered_time), …
  package var deliveredAt: UInt32
  /// … with how much before it (P.delivered), modulo 2^32.
  package var delivered: UInt32
  /// Octets in flight then, this one's included (P.tx_in_flight); the highest bit: see `isJoined`.
  fileprivate var flightAndJoin: UInt32
  /// C.lost then, modulo 2^31; the highest bit: the application had no more to send (P.is_app_limited).
  package var lostAndLimit: UInt32

  package init(_ range: SequenceRange, _ rate: DeliveryRate, flight: UInt32, now: UInt32) {
    self.range = range
    sentAt = now
    firstSentAt = rate.firstSentAt
    deliveredAt = rate.deliveredAt
    delivered = rate.delivered
    flightAndJoin = flight & 0x7fff_ffff
    lostAndLimit = (rate.lost & 0x7fff_ffff) | (rate.isApplicationLimited ? 0x8000_0000 : 0)
  }

  @inline(__always)
  package var isApplicationLimited: Bool { lostAndLimit >> 31 != 0 }

  @inline(__always)
  package var flight: UInt32 { flightAndJoin & 0x7fff_ffff }

  /// Made of several that left one after the other: `sentAt` is the last one's.
  @inline(__always)
  package var isJoined: Bool { flightAndJoin >> 31 != 0 }

  /// Microseconds since what has arrived up to `end` was sent; 0: it is not known. Of a record that was made of
  /// several only the end is: for the rest the time would be too short.
  @inline(__always)
  package func roundTrip(upTo end: SequenceNumber, now: UInt32) -> UInt32 {
    isJoined && range.end.follows(end) ? 0 : max(now &- sentAt, 1)
  }

  /// RFC 8985 §6.2: RACK_sent_after.
  @inline(__always)
  package func wasSent(after time: UInt32, _ end: SequenceNumber) -> Bool {
    let later = Int32(bitPattern: sentAt &- time)
    return later > 0 || (later == 0 && range.end.follows(end))
  }
}

/// Send records in the order of their times: a ring that begins in the cold block
/// and moves to chunks of the pool when it outgrows it.
///
/// Text is sent for the first time in the order of its sequence numbers, so the
/// records of first transmissions are ordered both ways, and binary search finds
/// one by number. Retransmissions have a ring of their own, ordered by time alone,
/// in which a record whose range is empty stands for nothing any more.
///
/// At `capacity`, or when the budget refuses, neighbours are made one, which has the
/// time of the later: half as many know half as much. Where none are neighbours, a
/// record that finds no room is not kept.
package struct SendRecords: BitwiseCopyable, Sendable {
  private static var inlineCapacity: Int { 2 }
  private static var perChunk: Int { ChunkPool.chunkSize / MemoryLayout<SendRecord>.stride }
  private static var chunkLimit: Int { 8 }
  /// The most records there can be.
  package static var capacity: Int { chunkLimit &* perChunk }

  private var inline: InlineArray<2, SendRecord>
  private var chunks: InlineArray<8, UInt32> = InlineArray(repeating: 0)
  /// Place of the oldest in the ring.
  private var first: UInt16 = 0
  private var records: UInt16 = 0
  private var isSpilled = false

  package init() {
    let none = SequenceNumber(0)
    inline = InlineArray(
      repeating: SendRecord(
        SequenceRange(start: none, end: none), DeliveryRate(), flight: 0, now: 0))
  }

  @inline(__always)
  package var count: Int { Int(records) }
  @inline(__always)
  package var isEmpty: Bool { records == 0 }
  package var chunksHeld: Int {
    var held = 0
    for i in 0..<Self.chunkLimit where chunks[i] != 0 { held &+= 1 }
    return held
  }

  /// The `i`th, 0 the oldest.
  @inline(__always)
  package func record(_ i: Int, _ pool: borrowing ChunkPool) -> SendRecord {
    let place = self.place(i)
    if !isSpilled { return inline[place] }
    return pool.element(place % Self.perChunk, of: chunks[place / Self.perChunk])
  }

  @inline(__always)
  package mutating func set(_ i: Int, _ record: SendRecord, _ pool: inout ChunkPool) {
    let place = self.place(i)
    if isSpilled {
      pool.setElement(place % Self.perChunk, of: chunks[place / Self.perChunk], to: record)
    } else {
      inline[place] = record
    }
  }

  @inline(__always)
  private func place(_ i: Int) -> Int {
    (Int(first) &+ i) & ((isSpilled ? Self.capacity : Self.inlineCapacity) &- 1)
  }

  /// The index of the first record that ends after `s`: of first transmissions only.
  package func index(endingAfter s: SequenceNumber, _ pool: borrowing ChunkPool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) >> 1
      if record(middle, pool).range.end.precedesOrEquals(s) { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  // MARK: Adding

  /// Adds what leaves now, or stretches the newest record over it when it left at most `span`
  /// microseconds ago and ends where this begins.
  @inline(__always)
  package mutating func append(
    _ range: SequenceRange, _ rate: DeliveryRate, flight: UInt32, now: UInt32, span: UInt32,
    _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    if records > 0 {
      var newest = record(count &- 1, pool)
      if newest.range.end == range.start, now &- newest.sentAt <= span,
        newest.isApplicationLimited == rate.isApplicationLimited
      {
        newest.range.end = range.end
        newest.flightAndJoin = flight & 0x7fff_ffff
        return set(count &- 1, newest, &pool)
      }
    }
    appendApart(SendRecord(range, rate, flight: flight, now: now), &pool, &budget)
  }

  private mutating func appendApart(
    _ record: SendRecord, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    // A retransmission that finds no room goes unrecorded: the retransmission time-out is what finds its loss.
    guard makeRoom(&pool, &budget) else { return }
    records &+= 1
    set(count &- 1, record, &pool)
  }

  /// One more fits.
  private mutating func makeRoom(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) -> Bool {
    if !isSpilled {
      if count < Self.inlineCapacity || spill(&pool, &budget) { return true }
    } else if count < Self.capacity {
      let chunk = place(count) / Self.perChunk
      if chunks[chunk] == 0 { chunks[chunk] = pool.allocate(&budget) }
      if chunks[chunk] != 0 { return true }
    }
    return joinNeighbours(&pool, &budget)
  }

  /// Makes one record of each two that adjoin. False: there were none.
  private mutating func joinNeighbours(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) -> Bool {
    let before = count
    var kept = 0
    var i = 0
    while i < before {
      var record = self.record(i, pool)
      i &+= 1
      if i < before {
        var later = self.record(i, pool)
        if record.range.end == later.range.start {
          later.range.start = record.range.start
          later.flightAndJoin |= 0x8000_0000
          record = later
          i &+= 1
        }
      }
      set(kept, record, &pool)
      kept &+= 1
    }
    records = UInt16(truncatingIfNeeded: kept)
    releaseUnused(upTo: before, &pool, &budget)
    return kept < before
  }

  /// Gives back the chunks in which the records behind the next one, up to `end`, were the only ones.
  private mutating func releaseUnused(
    upTo end: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    guard isSpilled else { return }
    let first = place(0) / Self.perChunk
    let next = place(count) / Self.perChunk
    for i in count..<end {
      let chunk = place(i) / Self.perChunk
      if chunk != first, chunk != next, chunks[chunk] != 0 {
        pool.release(chunks[chunk], &budget)
        chunks[chunk] = 0
      }
    }
  }

  private mutating func spill(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) -> Bool {
    let chunk = pool.allocate(&budget)
    guard chunk != 0 else { return false }
    for i in 0..<count { pool.setElement(i, of: chunk, to: record(i, pool)) }
    chunks[0] = chunk
    first = 0
    isSpilled = true
    return true
  }

  // MARK: Removing

  /// Takes the oldest off.
  @inline(__always)
  package mutating func removeFirst(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    let old = place(0)
    records &-= 1
    first = UInt16(truncatingIfNeeded: place(1))
    guard isSpilled else { return }
    if records == 0 {
      removeAll(&pool, &budget)
    } else if place(0) / Self.perChunk != old / Self.perChunk {
      // The ring may come round to the same chunk: then the newest records are in it.
      let newest = place(count &- 1) / Self.perChunk
      guard newest != old / Self.perChunk else { return }
      pool.release(chunks[old / Self.perChunk], &budget)
      chunks[old / Self.perChunk] = 0
    }
  }

  /// Takes off all that ends at or before `s`, and what is before `s` of the next; returns the newest
  /// record that any of it was in. Of first transmissions only.
  @inline(__always)
  package mutating func removeAll(
    before s: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> SendRecord? {
    var newest: SendRecord?
    while records > 0 {
      var oldest = record(0, pool)
      guard oldest.range.start.precedes(s) else { break }
      newest = oldest
      if oldest.range.end.follows(s) {
        oldest.range.start = s
        set(0, oldest, &pool)
        break
      }
      removeFirst(&pool, &budget)
    }
    return newest
  }

  /// Forgets everything and gives the chunks back.
  package mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    if isSpilled {
      for i in 0..<Self.chunkLimit where chunks[i] != 0 {
        pool.release(chunks[i], &budget)
        chunks[i] = 0
      }
    }
    isSpilled = false
    first = 0
    records = 0
  }
}
