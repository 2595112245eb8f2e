#if Metrics
  import MartletLinks
  import MartletTCP
  public import Metrics
  import Synchronization

  /// Publishes what a stack counts and holds through swift-metrics, every so often, on a thread of its own.
  ///
  /// Only with the trait `Metrics`. The names are those of the Prometheus endpoint without `_total`.
  ///
  /// ```swift
  /// let publisher = try MetricsPublisher(of: [loop.control], every: .seconds(10))
  /// ```
  public final class MetricsPublisher: Sendable {
    private let state: Mutex<State>
    private let wakeup: Wakeup
    private let visitor: LoopVisitor
    private let interval: TimeAmount
    private let factory: any MetricsFactory

    private struct State {
      /// What counters were at, by name and labels.
      var told: [Key: UInt64] = [:]
      var thread: SystemThread?
      var isClosed = false
    }

    private struct Key: Hashable {
      let name: String
      let labels: [StackMetric.Label]
    }

    /// Begins to publish. `factory`: the one that the program has bootstrapped, unless given.
    public init(
      of loops: [LoopControl], every interval: TimeAmount = .seconds(10), factory: (any MetricsFactory)? = nil
    ) throws(LinkError) {
      let wakeup = try Wakeup()
      self.wakeup = wakeup
      self.interval = interval
      self.factory = factory ?? MetricsSystem.factory
      state = Mutex(State())
      // An answer that nobody waits for any longer is dropped.
      visitor = LoopVisitor(loops, waking: try Wakeup()) { false }
      let publisher = Weak(self)
      let thread = try SystemThread(name: "martlet-metrics") {
        while let (isOver, interval) = publisher.value?.publishOnce(), !isOver {
          wakeup.clear()
          wait(for: wakeup.descriptor, orUntil: interval)
        }
      }
      state.withLock { $0.thread = thread }
    }

    deinit {
      close()
    }

    /// Publishes no more.
    public func close() {
      let thread = state.withLock { state in
        state.isClosed = true
        return state.thread.take()
      }
      wakeup.signal()
      thread?.detach()
    }

    private func publishOnce() -> (isOver: Bool, interval: TimeAmount) {
      if state.withLock({ $0.isClosed }) { return (true, interval) }
      if let figures = try? visitor.figures() {
        for metric in figures.metrics(at: SystemClock.now) { publish(metric) }
      }
      return (false, interval)
    }

    private func publish(_ metric: StackMetric) {
      let name = metric.isCounter ? String(metric.name.dropLast("_total".count)) : metric.name
      for sample in metric.samples {
        let dimensions = sample.labels.map { ($0.name, $0.value) }
        guard metric.isCounter else {
          Gauge(label: name, dimensions: dimensions, factory: factory).record(Double(sample.value))
          continue
        }
        let key = Key(name: name, labels: sample.labels)
        let before = state.withLock { $0.told.updateValue(sample.value, forKey: key) ?? 0 }
        // A counter that has gone back belongs to a stack that was made anew.
        let change = sample.value >= before ? sample.value - before : sample.value
        Counter(label: name, dimensions: dimensions, factory: factory).increment(by: Int64(clamping: change))
      }
    }
  }

  /// A thread must not keep alive what is to end it.
  private final class Weak: @unchecked Sendable {
    private(set) weak var value: MetricsPublisher?

    init(_ value: MetricsPublisher) { self.value = value }
  }
#endif
