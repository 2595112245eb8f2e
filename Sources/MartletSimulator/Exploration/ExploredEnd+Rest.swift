import MartletTCP
import MartletWire

// A state that waits to be explored holds no memory of the pool: there are too many of them for chunks of
// 4,096 octets that hold one. What its queues hold is kept beside them, and put back, by the queues' own
// functions, before anything happens to it.

/// What the queues of an end at rest held.
struct RestingQueues {
  var send: [UInt8] = []
  /// In order, not read.
  var receive: [UInt8] = []
  /// Behind a hole, range by range in the order of `outOfOrder`.
  var outOfOrder: [UInt8] = []
  /// Send records that outgrew the cold block.
  var sent: [SendRecord] = []
  var resent: [SendRecord] = []
}

extension ExploredEnd {
  /// Takes the octets out of the queues.
  mutating func lieDown(_ ground: inout ExplorationGround) {
    guard var block = cold.first else { return }
    rest = RestingQueues()
    rest.send = block.send.octets(ground.around.pool)
    rest.receive = block.receive.octets(ground.around.pool)
    if !block.outOfOrder.isEmpty, block.receive.chunksHeld > 0, case .connection(let tcb) = record {
      rest.outOfOrder = block.receive.octets(of: block.outOfOrder, beyond: tcb.rcv.nxt, ground.around.pool)
    }
    block.send.removeAll(&ground.around.pool, &ground.around.budget)
    block.receive.removeAll(&ground.around.pool, &ground.around.budget)
    if block.sent.chunksHeld > 0 { rest.sent = block.sent.takeAll(&ground.around) }
    if block.scoreboard.resent.chunksHeld > 0 {
      rest.resent = block.scoreboard.resent.takeAll(&ground.around)
    }
    cold = [block]
  }

  /// Puts them back.
  mutating func getUp(_ ground: inout ExplorationGround) {
    guard var block = cold.first else { return }
    _ = block.send.append(rest.send.rawSpan, &ground.around.pool, &ground.around.budget)
    _ = block.receive.append(rest.receive.rawSpan, &ground.around.pool, &ground.around.budget)
    if !rest.outOfOrder.isEmpty, case .connection(let tcb) = record {
      block.receive.write(rest.outOfOrder, in: block.outOfOrder, beyond: tcb.rcv.nxt, &ground.around)
    }
    if !rest.sent.isEmpty { block.sent.putBack(rest.sent, &ground.around) }
    if !rest.resent.isEmpty { block.scoreboard.resent.putBack(rest.resent, &ground.around) }
    rest = RestingQueues()
    cold = [block]
  }
}

extension ByteQueue {
  fileprivate func octets(_ pool: borrowing ChunkPool) -> [UInt8] {
    guard !isEmpty else { return [] }
    var octets = [UInt8](repeating: 0, count: Int(truncatingIfNeeded: count))
    octets.writing { copy(at: 0, count: count, into: &$0, at: 0, pool) }
    return octets
  }

  /// What lies behind holes: a copy of the queue counts it as in order, to read it.
  fileprivate func octets(
    of ranges: IntervalSet, beyond next: SequenceNumber, _ pool: borrowing ChunkPool
  ) -> [UInt8] {
    var octets: [UInt8] = []
    for i in 0..<ranges.count {
      let range = ranges.range(at: i, pool)
      var reader = self
      reader.commit(range.end.distance(from: next))
      var piece = [UInt8](repeating: 0, count: Int(truncatingIfNeeded: range.count))
      let place = count &+ range.start.distance(from: next)
      piece.writing { reader.copy(at: place, count: range.count, into: &$0, at: 0, pool) }
      octets += piece
    }
    return octets
  }

  fileprivate mutating func write(
    _ octets: [UInt8], in ranges: IntervalSet, beyond next: SequenceNumber, _ around: inout Surroundings
  ) {
    var taken = 0
    for i in 0..<ranges.count {
      let range = ranges.range(at: i, around.pool)
      let end = taken &+ Int(truncatingIfNeeded: range.count)
      let piece = Array(octets[taken..<end])
      _ = write(piece.rawSpan, at: range.start.distance(from: next), &around.pool, &around.budget)
      taken = end
    }
  }
}

extension SendRecords {
  fileprivate mutating func takeAll(_ around: inout Surroundings) -> [SendRecord] {
    var records: [SendRecord] = []
    for i in 0..<count { records.append(record(i, around.pool)) }
    removeAll(&around.pool, &around.budget)
    return records
  }

  fileprivate mutating func putBack(_ records: [SendRecord], _ around: inout Surroundings) {
    for (i, record) in records.enumerated() {
      // Apart from the one before, whatever it was; then exactly as it was.
      let apart = SequenceRange(start: SequenceNumber(UInt32(truncatingIfNeeded: i) << 8), count: 1)
      append(
        apart, DeliveryRate(), flight: 0, now: UInt32(truncatingIfNeeded: i) << 20, span: 0, &around.pool,
        &around.budget)
      set(i, record, &around.pool)
    }
  }
}
