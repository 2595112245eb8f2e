// What queues and sets hold of the pool, in bytes: for gauges, and for the proof that what is charged is
// what is held.

extension ByteQueue {
  package var heldBytes: Int { chunksHeld &* ChunkPool.chunkSize }
}

extension ColdBlock {
  /// Ranges that came, and ranges that are known to have arrived or to be lost.
  package var scoreboardBytes: Int {
    (outOfOrder.chunksHeld &+ scoreboard.sacked.chunksHeld &+ scoreboard.lost.chunksHeld)
      &* ChunkPool.chunkSize
  }

  /// What is in flight for the first time, and again.
  package var sendRecordBytes: Int {
    (sent.chunksHeld &+ scoreboard.resent.chunksHeld) &* ChunkPool.chunkSize
  }
}

extension FlightRecorder {
  package var heldBytes: Int { Int(truncatingIfNeeded: capacity) &* MemoryLayout<Record>.stride }
}
