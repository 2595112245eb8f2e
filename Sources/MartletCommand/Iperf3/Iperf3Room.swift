/// What the connections of an iperf3 service share: one test at a time.
///
/// Only the thread of the server's loop ever touches it.
package final class Iperf3Room: @unchecked Sendable {
  var test: Iperf3Test?

  package init() {}
}
