import MartletWire

/// Where the two directions of a connection were when it was last weighed: what they have moved is counted from
/// there. The time stands in `ColdBlock.weighedAt`.
@frozen
package struct Landmark: BitwiseCopyable, Sendable {
  /// SND.UNA.
  package var una = SequenceNumber(0)
  /// The next octet for the reader.
  package var read = SequenceNumber(0)
}

/// How hard a connection weighs on its stack: what it holds, against what it moves.
package struct Burden: Equatable, BitwiseCopyable, Sendable {
  /// Milliseconds in which it would move as many octets as it holds, at its pace of the last seconds; of a
  /// connection that moves nothing: what it holds times the milliseconds for which nothing has moved. 0: it
  /// holds nothing, or it is too early to say.
  package var time: UInt64 = 0
  /// The peer keeps its window shut before text that waits, and has for longer than the watch is patient.
  package var isShut = false
}

/// How long a connection is watched before it is judged, in milliseconds.
package struct Watch: BitwiseCopyable, Sendable {
  /// Before so long nobody is judged.
  let patience: UInt32
  /// A landmark is this old at least when it is set anew, and half as old then: nobody is forgiven what he has not
  /// moved just before.
  let memory: UInt32
  /// Older than this a landmark is of another time, and says nothing.
  fileprivate var oldest: UInt32 { 4 &* memory }

  /// While memory is short.
  package static var brief: Watch { Watch(patience: 1_000, memory: 4_096) }
  /// While only places are short: a line may fail for some seconds.
  package static var long: Watch { Watch(patience: 16_000, memory: 32_768) }
}

extension TCB {
  /// Weighs the connection, and sets its landmark anew where that is some seconds old. Octets are counted, not
  /// events: who acknowledges one of them now and then moves next to nothing.
  ///
  /// - Parameter record: octets that the connection is charged for beside its queues.
  package func burden(_ cold: inout ColdBlock, record: Int, _ watch: Watch, _ now: Tick) -> Burden {
    guard state.isSynchronized else { return unsynchronizedBurden(cold, record, watch, now) }
    let read = rcv.nxt.retreated(by: cold.receive.count)
    let moved = cold.moved(to: Landmark(una: snd.una, read: read), watch, now)
    var burden = Burden()
    if !cold.send.isEmpty {
      let stalled = now.milliseconds(since: timers.progress)
      burden.time = moved.sent.time(holding: record &+ cold.sendHolds, stalled: stalled, watch)
      burden.isShut = stalled >= watch.patience && timers.armed.contains(.persist)
    }
    if !cold.receive.isEmpty || !cold.outOfOrder.isEmpty {
      let stalled = now.milliseconds(since: cold.readerMoved)
      burden.time = max(
        burden.time, moved.read.time(holding: record &+ cold.receiveHolds, stalled: stalled, watch))
    }
    return burden
  }

  /// Before the handshake is over its numbers mean nothing yet, and there is no progress but its end.
  private func unsynchronizedBurden(
    _ cold: ColdBlock, _ record: Int, _ watch: Watch, _ now: Tick
  ) -> Burden {
    let held = record &+ cold.sendHolds &+ cold.receiveHolds
    let stalled = now.milliseconds(since: timers.progress)
    return Burden(time: Pace().time(holding: held, stalled: stalled, watch))
  }
}

/// Octets that were moved in so many milliseconds.
private struct Pace {
  var octets: UInt32 = 0
  var milliseconds: UInt32 = 0

  func time(holding held: Int, stalled: UInt32, _ watch: Watch) -> UInt64 {
    let held = UInt64(truncatingIfNeeded: held)
    guard octets > 0 else { return stalled < watch.patience ? 0 : held &* UInt64(stalled) }
    return milliseconds < watch.patience ? 0 : held &* UInt64(milliseconds) / UInt64(octets)
  }

  /// Octets of the last `span` milliseconds, as if all had moved evenly.
  func octets(of span: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: UInt64(octets) &* UInt64(span) / UInt64(max(milliseconds, span)))
  }
}

extension ColdBlock {
  /// What has moved since the landmark.
  fileprivate mutating func moved(
    to place: Landmark, _ watch: Watch, _ now: Tick
  ) -> (sent: Pace, read: Pace) {
    let time = UInt16(truncatingIfNeeded: now.rawValue >> 6)
    let passed = UInt32(time &- weighedAt) << 6
    guard weighedAt != 0, passed <= watch.oldest else {
      landmark = place
      weighedAt = max(time, 1)
      return (Pace(), Pace())
    }
    let sent = Pace(octets: place.una.distance(from: landmark.una), milliseconds: passed)
    let read = Pace(octets: place.read.distance(from: landmark.read), milliseconds: passed)
    if passed >= watch.memory {
      let half = watch.memory / 2
      landmark.una = place.una.retreated(by: sent.octets(of: half))
      landmark.read = place.read.retreated(by: read.octets(of: half))
      weighedAt = max(time &- UInt16(truncatingIfNeeded: half >> 6), 1)
    }
    return (sent, read)
  }

  /// Octets held for what is to be sent, and what is known of it.
  fileprivate var sendHolds: Int {
    let lists = scoreboard.sacked.chunksHeld &+ scoreboard.lost.chunksHeld &+ scoreboard.resent.chunksHeld
    return (send.chunksHeld &+ sent.chunksHeld &+ lists) &* ChunkPool.chunkSize
  }

  /// Octets held for what has arrived.
  fileprivate var receiveHolds: Int { (receive.chunksHeld &+ outOfOrder.chunksHeld) &* ChunkPool.chunkSize }
}
