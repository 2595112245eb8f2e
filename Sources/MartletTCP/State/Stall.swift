extension TCB {
  /// Milliseconds since the peer acknowledged something, or text was sent that it has not yet.
  package func millisecondsWithoutProgress(_ now: Tick) -> UInt32 {
    now.milliseconds(since: timers.progress)
  }
}
