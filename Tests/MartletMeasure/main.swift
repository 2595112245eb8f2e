// What Tools/check-allocations, Tools/measure-layout and Tools/measure-instructions run.

import MartletStack

switch CommandLine.arguments.dropFirst().first {
case "layout":
  printLayout()
case "segments":
  let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
  var transfer = try Transfer.established()
  try transfer.carry(count)
case "flood", "slow-flood", "flood-without-records":
  let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
  let scene = CommandLine.arguments[1]
  var flood = try Flood.begun(
    scene == "flood-without-records" ? .always : .auto, isSlow: scene == "slow-flood")
  try flood.run(count)
case "allocations":
  try countAllocations()
default:
  print(
    """
    usage: MartletMeasure layout | segments COUNT | flood COUNT | slow-flood COUNT
           | flood-without-records COUNT | allocations
    """)
}
