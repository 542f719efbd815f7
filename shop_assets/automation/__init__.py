"""What runs by itself: jobs, the hourly schedule, and the sensors."""
