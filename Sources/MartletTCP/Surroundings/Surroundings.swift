/// What the connections of one stack share: settings, memory, counters, the
/// recorder. Passed `inout` to every event, since a TCB reaches nothing by itself.
public struct Surroundings: ~Copyable {
  public var configuration: TCPConfiguration
  public var pool: ChunkPool
  public var budget: MemoryBudget
  public var counters: TCPCounters
  public var recorder: FlightRecorder

  public init(
    configuration: TCPConfiguration, pool: consuming ChunkPool, budget: MemoryBudget,
    recorder: consuming FlightRecorder
  ) {
    self.configuration = configuration
    self.pool = pool
    self.budget = budget
    self.counters = TCPCounters()
    self.recorder = recorder
  }

  /// A deep copy, for snapshots.
  public borrowing func copy() -> Surroundings {
    var copy = Surroundings(
      configuration: configuration, pool: pool.copy(), budget: budget, recorder: recorder.copy())
    copy.counters = counters
    return copy
  }
}
