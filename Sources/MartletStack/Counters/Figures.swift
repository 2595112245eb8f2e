public import MartletTCP

extension NetworkStack {
  /// What was counted since the start.
  public var counters: StackCounters {
    var counters = counts
    counters.tcp = around.counters
    return counters
  }

  /// What is held now.
  public var held: StackUsage {
    var usage = StackUsage()
    usage.listeners = listeners.live
    usage.halfOpen = flows4.embryos.live &+ flows6.embryos.live
    usage.connections = connections.live
    // One block is always there, and always idle.
    usage.coldBlocks = cold.live &- ownColdBlocks
    usage.timeWait = flows4.lingering.live &+ flows6.lingering.live
    usage.datagramSockets = sockets.live
    usage.replies = replies.queued
    usage.neighbours = neighbours.live
    usage.unfinishedDatagrams = fragments.live
    usage.chunks = around.pool.inUse
    usage.budget = around.budget.held
    return usage
  }

  /// The `n`-th record that the flight recorder ever wrote; nil when it is overwritten or not yet there.
  public func record(_ n: UInt64) -> FlightRecorder.Record? { around.recorder.record(n) }

  /// How many it has written.
  public var recordsWritten: UInt64 { around.recorder.written }
}
