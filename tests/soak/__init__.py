"""Does the frontdoor stay as it is when it is used for long, and badly? `scripts/soak`; docs/soak.md tells the rest.

guests   who comes: patient clients, leaving ones, slow ones, faulty engines, nonsense; each says how it was treated
watch    what is sampled every second, from outside of the process
verdict  whether the samples and the guests' words are those of a healthy process; decides, does nothing
run      starts engine and frontdoor, sends guests, samples, waits until all is quiet
"""
