import MartletStack
import MartletTCP

/// What runs on a stack, inside the loop: a state machine that is told what happened and
/// calls the stack at once. It never waits; while it computes, no packet moves.
///
/// The loop is generic over it, so that each call is a direct one. This is the way for
/// services that count nanoseconds; `Host` offers the same stack to tasks that `await`.
///
/// ```swift
/// struct Echo: Application {
///   mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
///     switch event {
///     case .listener(let listener): while let c = try? stack.accept(listener) { … }
///     case .connection(let connection, let readiness): …
///     default: break
///     }
///   }
/// }
/// ```
public protocol Application: ~Copyable {
  /// Before the first packet: the place to listen and to connect.
  mutating func start(stack: inout NetworkStack, now: Instant)

  /// One event of the stack. Events of one object merge, so do all there is to do.
  mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant)

  /// Some thread has called `LoopControl.wake`; several calls may arrive as one.
  mutating func woken(stack: inout NetworkStack, now: Instant)

  /// When the application wants to be called though nothing happens; nil: never. Asked once a turn.
  var nextDeadline: Instant? { get }

  /// `nextDeadline` has come.
  mutating func deadlineReached(stack: inout NetworkStack, now: Instant)

  /// The loop is to end. Connections that are closed here have the time that `run` was given to
  /// end in order; after that, what the stack has to send still goes out, if the links take it.
  mutating func stop(stack: inout NetworkStack, now: Instant)
}

extension Application where Self: ~Copyable {
  public mutating func start(stack: inout NetworkStack, now: Instant) {}
  public mutating func woken(stack: inout NetworkStack, now: Instant) {}
  public var nextDeadline: Instant? { nil }
  public mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {}
  public mutating func stop(stack: inout NetworkStack, now: Instant) {}
}
