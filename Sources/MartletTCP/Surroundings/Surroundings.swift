/// What the connections of one stack share: settings, memory, counters, the
/// recorder. Passed `inout` to every event, since a TCB reaches nothing by itself.
public struct Surroundings: ~Copyable {
  @usableFromInline var settings: Whole<TCPConfiguration>
  public var pool: ChunkPool
  public var budget: MemoryBudget
  @usableFromInline var tallies = Whole(TCPCounters())
  public var recorder: FlightRecorder

  public init(
    configuration: TCPConfiguration, pool: consuming ChunkPool, budget: MemoryBudget,
    recorder: consuming FlightRecorder
  ) {
    settings = Whole(configuration)
    self.pool = pool
    self.budget = budget
    self.recorder = recorder
  }

  @inlinable
  public var configuration: TCPConfiguration {
    @inline(__always) get { settings.value }
    @inline(__always) _modify { yield &settings.value }
  }

  @inlinable
  public var counters: TCPCounters {
    @inline(__always) get { tallies.value }
    @inline(__always) _modify { yield &tallies.value }
  }

  /// A deep copy, for snapshots.
  public borrowing func copy() -> Surroundings {
    var copy = Surroundings(
      configuration: configuration, pool: pool.copy(), budget: budget, recorder: recorder.copy())
    copy.counters = counters
    return copy
  }
}
